"""The paper's momentum rule (equation (4)) in one pass, in place; momentum.cu says what a thread computes."""

import numpy as np

from kernels.cupy_cuda.launch import BLOCK, divided, function, lanes_in_line


def momentum_step(a, D, gradient, mu, eps, decay):
    number, n = a.dtype.type, a.size
    lanes = lanes_in_line(a, D, gradient)
    arguments = a, D, gradient, number(mu), number(eps), number(decay), np.int64(n)
    function("momentum", "momentum_step", a.dtype, lanes)((divided(n, BLOCK * lanes), 1), (BLOCK, 1), arguments)
