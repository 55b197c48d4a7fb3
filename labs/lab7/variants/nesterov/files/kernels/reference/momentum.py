"""Nesterov's momentum in the paper's form, with weight decay, in place on flat arrays.

The ball of the paper (4) rolls on and looks at the slope where it lies. Nesterov's looks ahead: it is going to roll by
mu D in any case, so it asks for the slope there.

    b  = a - mu D                           where the ball will be, before the slope acts
    D := mu D + eps (dE/db + decay b)       as in (4), but for the place where it looks
    a := a - D

A network gives gradients at the numbers that it holds, and those would be a while b is wanted. So it is made to hold
b. What this function is given and leaves as `a` is the place ahead, before the step and after it, and `gradient` is
dE/da at that very place.

Question: by how much does b move in one step, in terms of mu, the new D and the new eps (dE/db + decay b)? The old D
does not appear, if you use the second line.
"""


def momentum_step(a, D, gradient, mu, eps, decay):
    raise NotImplementedError("lab 7: momentum_step")
