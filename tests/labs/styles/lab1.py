"""Lab 1's right answers in other styles."""

from collections import Counter

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

# -- unbroadcast -------------------------------------------------------------------------------------


def axis_by_axis(df, shape):
    while df.ndim > len(shape):
        df = df.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            df = df.sum(axis=axis, keepdims=True)
    return df


def of_padded_shapes(df, shape):
    padded = (1,) * (df.ndim - len(shape)) + shape
    axes = tuple(i for i, (m, n) in enumerate(zip(df.shape, padded)) if m != n)
    return df.sum(axis=axes, keepdims=True).reshape(shape)


def by_strides(df, shape):
    """Each element's place is written where its copies are; the places are then counted."""
    places = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), df.shape)
    return np.bincount(places.ravel(), df.ravel(), int(np.prod(shape))).astype(df.dtype).reshape(shape)


def by_einsum(df, shape):
    letters = "abcdefgh"[: df.ndim]
    kept = "".join(c for c, n in zip(letters[df.ndim - len(shape) :], shape) if n != 1)
    return np.einsum(f"{letters}->{kept}", df).reshape(shape)


# -- elementwise -------------------------------------------------------------------------------------


def multiply_by_einsum(self, df):
    x, y = self.saved
    return self.unbroadcast(np.einsum("...,...", df, y), np.einsum("...,...", df, x))


def multiply_in_place(self, df):
    x, y = self.saved
    dx, dy = np.array(df, copy=True), np.array(df, copy=True)
    dx *= y
    dy *= x
    return self.unbroadcast(dx, dy)


def multiply_in_a_list(self, df):
    return self.unbroadcast(*[df * other for other in self.saved[::-1]])


def divide_of_x(self, df):
    f, y = self.saved
    x = f * y
    return self.unbroadcast(df / y, -df * x / (y * y))


def divide_by_powers(self, df):
    f, y = self.saved
    return self.unbroadcast(df * y ** (-1.0), -(df * f) * y**-1.0)


def divide_negated(self, df):
    f, y = self.saved
    dx = np.divide(df, y)
    return self.unbroadcast(dx, np.negative(np.multiply(f, dx)))


def maximum_of_shares(self, df):
    x, y, f = self.saved
    wins_x, wins_y = (x == f).astype(df.dtype), (y == f).astype(df.dtype)
    count = wins_x + wins_y
    return self.unbroadcast(df * wins_x / count, df * wins_y / count)


def maximum_by_select(self, df):
    x, y, f = self.saved
    of_x = np.select([x == y, x == f], [df / 2, df], 0).astype(df.dtype)
    return self.unbroadcast(of_x, df - of_x)


def maximum_by_mask(self, df):
    x, y, f = self.saved
    dx, dy = np.zeros_like(df), np.zeros_like(df)
    dx[x == f] = df[x == f]
    dy[y == f] = df[y == f]
    tie = x == y
    dx[tie] /= 2
    dy[tie] /= 2
    return self.unbroadcast(dx, dy)


# -- matmul ------------------------------------------------------------------------------------------


def matmul_by_einsum(self, df):
    (x, y), df = self.matrices(), self.as_matrices(df)
    return self.as_given(np.einsum("...ij,...kj->...ik", df, y), np.einsum("...ik,...ij->...kj", x, df))


def matmul_by_moveaxis(self, df):
    (x, y), df = self.matrices(), self.as_matrices(df)
    dx = np.matmul(df, np.moveaxis(y, -1, -2))
    dy = np.matmul(np.moveaxis(df, -1, -2), x)
    return self.as_given(dx, np.moveaxis(dy, -1, -2))


def matmul_by_cases(self, df):
    x, y = self.saved
    if x.ndim == 1:
        return df @ y.T, np.outer(x, df)
    if y.ndim == 1:
        return np.outer(df, y), x.T @ df
    return df @ np.swapaxes(y, -1, -2), np.swapaxes(x, -1, -2) @ df


# -- the order ---------------------------------------------------------------------------------------


def order_by_counting(root):
    """Kahn's: a node is ready once all of its uses have come."""
    uses, seen, stack = Counter(), {id(root)}, [root]
    while stack:
        for source in sources_of(stack.pop()):
            if source is not None:
                uses[id(source)] += 1
                if id(source) not in seen:
                    seen.add(id(source))
                    stack.append(source)
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for source in sources_of(node):
            if source is not None:
                uses[id(source)] -= 1
                if uses[id(source)] == 0:
                    ready.append(source)
    return order


def order_in_two_visits(root):
    """A node goes onto the stack twice: to be opened, and to be closed."""
    order, opened, stack = [], set(), [(root, False)]
    while stack:
        node, closing = stack.pop()
        if closing:
            order.insert(0, node)
        elif id(node) not in opened:
            opened.add(id(node))
            stack.append((node, True))
            stack += [(source, False) for source in sources_of(node) if source is not None]
    return order


def order_by_depth(root):
    """Sorted by the longest way from the root, which is found by going over all nodes until nothing changes."""
    nodes, stack = {}, [root]
    while stack:
        node = stack.pop()
        if id(node) not in nodes:
            nodes[id(node)] = node
            stack += [source for source in sources_of(node) if source is not None]
    depth, changed = dict.fromkeys(nodes, 0), True
    while changed:
        changed = False
        for node in nodes.values():
            for source in sources_of(node):
                if source is not None and depth[id(source)] <= depth[id(node)]:
                    depth[id(source)] = depth[id(node)] + 1
                    changed = True
    return sorted(nodes.values(), key=lambda node: depth[id(node)])


# -- the walk ----------------------------------------------------------------------------------------


def grad_in_place(leaf, df):
    if leaf.grad is None:
        leaf.grad = df
    else:
        leaf.grad += df


def grad_from_zero(leaf, df):
    leaf.grad = (np.zeros_like(leaf.data) if leaf.grad is None else leaf.grad) + df


def grad_of_a_list(leaf, df):
    leaf.grad = sum([x for x in (leaf.grad,) if x is not None], start=df)


def walk_with_lists(root, gradient, retain_graph):
    """Shares are kept in lists, and added when the node's turn comes."""
    order = reverse_topological_order(root)
    refuse_freed(order)
    mail = {id(node): [] for node in order}
    mail[id(root)].append(gradient)
    for node in order:
        df = mail[id(node)][0]
        for share in mail[id(node)][1:]:
            df = df + share
        if is_leaf(node):
            add_to_grad(node, df)
        else:
            for source, share in shares_of(node, df, retain_graph):
                mail[id(source)].append(share)
            if not retain_graph:
                node.free()


def walk_and_free_at_the_end(root, gradient, retain_graph):
    order = reverse_topological_order(root)
    refuse_freed(order)
    arrived = {id(root): gradient}
    for node in order:
        if is_leaf(node):
            add_to_grad(node, arrived[id(node)])
            continue
        for source, share in shares_of(node, arrived[id(node)], retain_graph):
            if id(source) in arrived:
                arrived[id(source)] = arrived[id(source)] + share
            else:
                arrived[id(source)] = share
    if not retain_graph:
        for node in order:
            if not is_leaf(node):
                node.free()


def walk_from_zero(root, gradient, retain_graph):
    order = reverse_topological_order(root)
    refuse_freed(order)
    arrived = dict.fromkeys(map(id, order), 0)
    arrived[id(root)] = gradient
    leaves = []
    for node in order:
        df = arrived.pop(id(node))
        if is_leaf(node):
            leaves.append((node, df))
        else:
            for source, share in shares_of(node, df, retain_graph):
                arrived[id(source)] = arrived[id(source)] + share
            retain_graph or node.free()
    for leaf, df in leaves:
        add_to_grad(leaf, df)


def start_with_zero_to_the_zero(self, gradient=None, retain_graph=False):
    self._refuse_backward(gradient)
    start = self._own_gradient(self.data**0 if gradient is None else gradient)
    walk_back(self.node, start, retain_graph)


def one(tensor, gradient):
    return np.ones(tensor.shape, tensor.dtype) if gradient is None else gradient


def start_with_full(self, gradient=None, retain_graph=False):
    self._refuse_backward(gradient)
    if gradient is None:
        gradient = np.full(self.shape, 1)
    walk_back(self.node, self._own_gradient(gradient), retain_graph=retain_graph)


def start_in_one_line(self, gradient=None, retain_graph=False):
    self._refuse_backward(gradient)
    walk_back(self.node, self._own_gradient(one(self, gradient)), retain_graph)


# -- descent -----------------------------------------------------------------------------------------


def descend_in_place(loss_of, parameters, lr, steps):
    losses = []
    for _ in range(steps):
        loss = loss_of()
        for a in parameters:
            a.grad = None
        loss.backward()
        losses.append(loss.item())
        for a in parameters:
            if a.grad is not None:
                a.data -= lr * a.grad
    return losses


def descend_and_forget_after(loss_of, parameters, lr, steps):
    for a in parameters:
        a.grad = None
    return [one_step(loss_of, parameters, lr) for _ in range(steps)]


def one_step(loss_of, parameters, lr):
    loss = loss_of()
    loss.backward()
    for a in (a for a in parameters if a.grad is not None):
        a.data, a.grad = a.data - a.dtype.type(lr) * a.grad, None
    return loss.item()


def descend_with_zeros(loss_of, parameters, lr, steps):
    losses = np.zeros(steps)
    for step in range(steps):
        for a in parameters:
            a.grad = np.zeros_like(a.data)
        loss = loss_of()
        losses[step] = float(loss)
        loss.backward()
        for a in parameters:
            a.data = a.data + -lr * a.grad
    return list(losses)


ELEMENTWISE, WALK = "minidelve/ops/elementwise.py", "minidelve/tensor/walk.py"


def styles(blank, *bodies):
    return [{blank: body} for body in bodies]


STYLES = {
    "unbroadcast": styles(
        "minidelve/ops/broadcasting.py:unbroadcast", axis_by_axis, of_padded_shapes, by_strides, by_einsum
    ),
    "Multiply.backward": styles(
        f"{ELEMENTWISE}:Multiply.backward", multiply_by_einsum, multiply_in_place, multiply_in_a_list
    ),
    "Divide.backward": styles(f"{ELEMENTWISE}:Divide.backward", divide_of_x, divide_by_powers, divide_negated),
    "Maximum.backward": styles(
        f"{ELEMENTWISE}:Maximum.backward", maximum_of_shares, maximum_by_select, maximum_by_mask
    ),
    "MatMul.backward": styles(
        "minidelve/ops/matmul.py:MatMul.backward", matmul_by_einsum, matmul_by_moveaxis, matmul_by_cases
    ),
    "reverse_topological_order": styles(
        f"{WALK}:reverse_topological_order", order_by_counting, order_in_two_visits, order_by_depth
    ),
    "add_to_grad": styles(f"{WALK}:add_to_grad", grad_in_place, grad_from_zero, grad_of_a_list),
    "walk_back": styles(f"{WALK}:walk_back", walk_with_lists, walk_and_free_at_the_end, walk_from_zero),
    "Tensor.backward": styles(
        "minidelve/tensor/tensor.py:Tensor.backward", start_with_zero_to_the_zero, start_with_full, start_in_one_line
    ),
    "descend": styles(
        "minidelve/optim/descent.py:descend", descend_in_place, descend_and_forget_after, descend_with_zeros
    ),
}
