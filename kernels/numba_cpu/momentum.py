"""The paper's momentum rule (equation (4)) in one pass: three numbers read, two written, no temporary."""

from kernels.numba_cpu.compile import compiled


def momentum_step(a, D, gradient, mu, eps, decay):
    number = a.dtype.type
    _step(a, D, gradient, number(mu), number(eps), number(decay))


@compiled  # SGD shares each array out over the cores itself
def _step(a, D, gradient, mu, eps, decay):
    for i in range(len(a)):
        D[i] = mu * D[i] + eps * (gradient[i] + decay * a[i])  # (4)
        a[i] -= D[i]
