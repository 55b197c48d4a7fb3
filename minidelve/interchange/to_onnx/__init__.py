"""A trained network as an ONNX graph: pixels in, probabilities out, the same numbers as `minidelve evaluate`.

https://onnx.ai/onnx/operators says what each node computes.

To be read in this order:

graph.py      what an ONNX graph is, and how one is put together: nodes and weights under readable names
layers.py     the node of each layer
pyramid.py    spatial pyramid pooling, which ONNX has no node for
dense.py      the graph of dense testing, for images of any size
model.py      the file: input, output, what it says about itself
"""
