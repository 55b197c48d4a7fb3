"""Networks and weights for other programs, and those of other programs for this one.

Code that knows a file format of others belongs here. Our own, which a run is resumed from, is training/checkpoint.py.

forms.py         the kinds of file that `minidelve export` writes, by their endings
to_onnx/         a trained network as an ONNX graph
weights/         arrays by name, in and out: safetensors, PyTorch's state dicts, Caffe's models
libraries.py     the libraries that this takes, imported when they are needed
"""
