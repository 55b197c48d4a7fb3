"""Answers to lab 1 that nobody has listed."""

import numpy as np

from minidelve.tensor.walk import (
    add_to_grad,
    is_leaf,
    refuse_freed,
    reverse_topological_order,
    shares_of,
    sources_of,
    walk_back,
)
from tests.labs.invented.answers import Answers

answers = Answers()
TENSOR, WALK = "minidelve/tensor/tensor.py", "minidelve/tensor/walk.py"
BROADCASTING, ELEMENTWISE = "minidelve/ops/broadcasting.py", "minidelve/ops/elementwise.py"
MATMUL, DESCENT = "minidelve/ops/matmul.py", "minidelve/optim/descent.py"


@answers.wrong("unbroadcast", "axes told by their lengths", f"{BROADCASTING}:unbroadcast")
def _(df, shape):
    axes = tuple(i for i, n in enumerate(df.shape) if n not in shape)
    return df.sum(axis=axes).reshape(shape)


@answers.wrong("unbroadcast", "only the first stretched axis", f"{BROADCASTING}:unbroadcast")
def _(df, shape):
    while df.ndim > len(shape):
        df = df.sum(axis=0)
    for i, n in enumerate(shape):
        if n == 1 and df.shape[i] > 1:
            return df.sum(axis=i, keepdims=True)
    return df


@answers.wrong("Multiply.backward", "writes over what was saved", f"{ELEMENTWISE}:Multiply.backward")
def _(self, df):
    x, y = self.saved
    dx = np.multiply(df, y, out=y)
    return self.unbroadcast(dx, df * x)


@answers.wrong("Maximum.backward", "halves everything if there is a tie", f"{ELEMENTWISE}:Maximum.backward")
def _(self, df):
    x, y, f = self.saved
    if (x == y).any():
        df = df / 2
    return self.unbroadcast(df * (x == f), df * (y == f))


@answers.wrong("MatMul.backward", "the stack as one matrix", f"{MATMUL}:MatMul.backward")
def _(self, df):
    x, y = self.matrices()
    df = self.as_matrices(df)
    dx = df @ y.swapaxes(-1, -2)
    dy = x.reshape(-1, x.shape[-1]).T @ df.reshape(-1, df.shape[-1])
    return self.as_given(dx, np.broadcast_to(dy, y.shape).copy())


@answers.wrong("reverse_topological_order", "a list kept between calls", f"{WALK}:reverse_topological_order")
def _(root, order=[], seen=[]):  # noqa: B006, the mistake
    stack = [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif not any(node is other for other in seen[-3000:]):
            seen.append(node)
            stack.append((node, True))
            stack += [(source, False) for source in sources_of(node) if source is not None]
    return order[::-1]


@answers.wrong("add_to_grad", "the mean of both walks", f"{WALK}:add_to_grad")
def _(leaf, df):
    leaf.grad = df if leaf.grad is None else (leaf.grad + df) / 2


@answers.wrong("walk_back", "frees the root alone", f"{WALK}:walk_back")
def _(root, gradient, retain_graph):
    arrived = {id(root): gradient}
    order = reverse_topological_order(root)
    refuse_freed(order)
    for node in order:
        df = arrived.pop(id(node))
        if is_leaf(node):
            add_to_grad(node, df)
            continue
        for source, share in shares_of(node, df, True):
            arrived[id(source)] = arrived[id(source)] + share if id(source) in arrived else share
    if not retain_graph:
        root.free()


@answers.wrong("Tensor.backward", "keeps the graph if a gradient is given", f"{TENSOR}:Tensor.backward")
def _(self, gradient=None, retain_graph=False):
    self._refuse_backward(gradient)
    given = gradient is not None
    walk_back(self.node, self._own_gradient(gradient if given else np.ones(self.shape)), retain_graph or given)


@answers.wrong("descend", "a new loss for every parameter", f"{DESCENT}:descend")
def _(loss_of, parameters, lr, steps):
    losses = []
    for _ in range(steps):
        losses.append(loss_of().item())
        for a in parameters:
            for other in parameters:
                other.grad = None
            loss_of().backward()
            if a.grad is not None:
                a.data = a.data - lr * a.grad
    return losses


@answers.right("unbroadcast", "one axis at a time, by recursion", f"{BROADCASTING}:unbroadcast")
def unbroadcast(df, shape):
    if df.ndim > len(shape):
        return unbroadcast(np.add.reduce(df, axis=0), shape)
    for i, n in enumerate(shape):
        if df.shape[i] != n:
            return unbroadcast(np.add.reduceat(df, [0], axis=i), shape)
    return np.asarray(df)


@answers.right("reverse_topological_order", "counts of consumers", f"{WALK}:reverse_topological_order")
def _(root):
    consumers, waiting, found = {}, [root], {id(root)}
    while waiting:
        for source in sources_of(waiting.pop()):
            if source is None:
                continue
            consumers[id(source)] = consumers.get(id(source), 0) + 1
            if id(source) not in found:
                found.add(id(source))
                waiting.append(source)
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for source in sources_of(node):
            if source is not None:
                consumers[id(source)] -= 1
                if consumers[id(source)] == 0:
                    ready.append(source)
    return order
