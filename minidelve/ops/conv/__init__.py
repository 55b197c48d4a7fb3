"""Convolution: one scaffold, three algorithms, the rectifier behind them, and how an algorithm is chosen.

Only what computes a convolution belongs here. What other ops use too (layout, geometry, pieces) stays in ops/, hot
loops in kernels/, and the layer with its weights in nn/.

    conv2d.py       the function: its arguments are checked here
    simple.py       the same from elementary ops, to read first and to compare with
    im2col.py       algorithms: derivation, forward, backward
    direct.py
    winograd.py     (with winograd_matrices.py and winograd_tiles.py)
    choice.py       which algorithm "auto" takes, rule by rule
    scaffold.py     what the algorithms share
    activation.py   f(y) in the place of y
"""

from minidelve.ops.conv.conv2d import conv2d
from minidelve.ops.conv.simple import conv2d_simple

__all__ = ["conv2d", "conv2d_simple"]
