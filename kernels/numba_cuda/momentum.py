"""The paper's momentum rule (equation (4)) in place, in one pass.

Thread i owns number i of the three flat arrays; neighbouring threads own neighbouring numbers.

Bytes: three numbers read and two written. As kernels/reference writes it, with an array for each intermediate result,
the rule moves seventeen.
"""

from numba import cuda

from kernels.numba_cuda.launch import compiled, launch, over_numbers


def momentum_step(a, D, gradient, mu, eps, decay):
    number = a.dtype.type
    launch(_step, over_numbers(len(a)), gradient, number(mu), number(eps), number(decay), a, D)


@compiled
def _step(gradient, mu, eps, decay, a, D):
    i = cuda.grid(1)  # blockIdx.x * blockDim.x + threadIdx.x
    if i >= len(a):
        return  # the last block hangs over the end
    D[i] = mu * D[i] + eps * (gradient[i] + decay * a[i])  # (4)
    a[i] -= D[i]
