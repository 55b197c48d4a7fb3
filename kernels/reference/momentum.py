"""The paper's momentum rule (equation (4)) with weight decay, in place on flat arrays."""


def momentum_step(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * (gradient + decay * a)  # (4)
    a -= D
