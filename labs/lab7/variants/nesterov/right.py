"""The answers of lab 7 with Nesterov's momentum that the source does not have."""


def momentum_step(a, D, gradient, mu, eps, decay):
    step = eps * (gradient + decay * a)
    D[...] = mu * D + step
    a -= mu * D + step


BODIES = {"kernels/reference/momentum.py:momentum_step": momentum_step}
