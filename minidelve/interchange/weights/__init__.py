"""Weights as arrays by name: out to other programs, and a run from those of others.

To be read in this order:

names.py       what a parameter is called elsewhere
inputs.py      what the first layer expects to see
entries.py     what a reader returns; the readers are safetensors_file.py, torch_file.py, caffemodel.py, npz_file.py
reading.py     a file of others: opened, compared with a network by name and shape, copied into it
importing.py   a run from such a file
exporting.py   a run's weights, and what normalises its input, as a file for others
"""
