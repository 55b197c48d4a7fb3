r"""Tensor and Function: the graph that a forward pass leaves behind, and the walk back through it.

Define-by-run. Every op is a Function object with two methods on raw arrays,

    forward(*inputs)  -> output          and          backward(dE/doutput) -> dE/dinputs,

E being what backward() is called on, a loss in training. In each op's file df is short for dE/doutput.

Calling an op runs forward and, if an input wants a gradient, keeps the object as a node:

    x ----\
           Multiply --> y -----\                  a Tensor knows the Function that made it,
    w ----/                 Add ---> loss         a Function knows its sources: the Functions
    b ---------------------/                      (or leaf Tensors) that its inputs came from

An edge holds the *Function* behind an input, not the input's array. An array that no backward
saved is therefore freed as soon as Python forgets it, which keeps training memory low.

Four files, to be read in this order: tensor.py (an array that remembers how it was made), function.py (how an op is
called, and what it leaves behind), walk.py (what backward() does), array.py (which arrays a tensor holds). What all ops
have in common belongs here; each op is a file in ops/.
"""

from minidelve.pytorch_names import refuse_calls
from minidelve.tensor.array import as_array
from minidelve.tensor.function import Function, no_grad, refuse_bare_arrays
from minidelve.tensor.tensor import Tensor
from minidelve.tensor.walk import Node, reverse_topological_order, sources_of

__all__ = [
    "Function",
    "Node",
    "Tensor",
    "as_array",
    "no_grad",
    "refuse_bare_arrays",
    "reverse_topological_order",
    "sources_of",
]

refuse_calls(__name__)  # minidelve.tensor([1, 2]) is PyTorch's
