"""Networks and weights for other programs, and those of other programs for this one.

Code that knows a file format of others belongs here. Our own, which a run is resumed from, is training/checkpoint.py.

importing.py         a run from a file of weights; inputs.py: what its first layer expects
names.py             what a parameter is called elsewhere
weights.py           files of weights opened, checked and read (entries.py); a file for each kind: safetensors_file.py,
                     torch_file.py, caffemodel.py, npz_file.py
libraries.py         the libraries that this takes, imported when they are needed
"""
