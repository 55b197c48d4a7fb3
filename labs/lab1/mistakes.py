"""Lab 1: what has been written in place of the engine and its ops, and what to say to it."""

import numpy as np

from minidelve import Tensor
from minidelve.labs.task import Mistakes
from minidelve.tensor.walk import (
    add_to_grad,
    is_leaf,
    refuse_freed,
    reverse_topological_order,
    shares_of,
    sources_of,
    walk_back,
)

mistakes = Mistakes()

NOT_ADDED = "a share is lost"
ORDER = "the nodes come in the wrong order"
START = "the walk starts with the wrong gradient"
FREED = "a graph that is kept, or freed, when it should not be"
COPIES = "the gradients of the copies are not put together as they should be"
SLOPE = "another local slope"
CHAIN = "the chain rule is not complete"
TRANSPOSED = "the wrong factor is transposed, or the factors are exchanged"
TIES = "a tie is not shared"
STEPS = "the steps are not those of gradient descent"


# -- unbroadcast -------------------------------------------------------------------------------------


def leading(df, shape):
    return tuple(range(df.ndim - len(shape)))


def of_length_one(shape):
    return tuple(i for i, n in enumerate(shape) if n == 1)


@mistakes.of(
    "unbroadcast", "unb-none", COPIES,
    "The bias was used in every row; what came back has the shape of the output. Whose shape must a gradient have?",
)  # fmt: skip
def _(df, shape):
    return df


@mistakes.of(
    "unbroadcast", "unb-mean", COPIES,
    "An element used k times moves the loss k times as much. Is the mean of the copies' gradients that?",
)  # fmt: skip
def _(df, shape):
    df = df.mean(axis=leading(df, shape))
    return df.mean(axis=of_length_one(shape), keepdims=True)


@mistakes.of(
    "unbroadcast", "unb-first", COPIES, "You took the gradient of one copy. The others moved the loss as well."
)
def _(df, shape):
    while df.ndim > len(shape):
        df = df[0]
    for axis in of_length_one(shape):
        df = df.take([0], axis=axis)
    return df


@mistakes.of(
    "unbroadcast", "unb-trailing", COPIES,
    "NumPy lines shapes up at the right: the new axes are the leading ones, you summed the last.",
)  # fmt: skip
def _(df, shape):
    new = df.ndim - len(shape)
    df = df.sum(axis=tuple(range(df.ndim - new, df.ndim)))
    return df.sum(axis=of_length_one(shape), keepdims=True)


@mistakes.of(
    "unbroadcast", "unb-leading", COPIES, "An axis of length 1 was stretched as well: (2, 1) beside (2, 3). Sum it too."
)
def _(df, shape):
    return df.sum(axis=leading(df, shape))


@mistakes.of(
    "unbroadcast", "unb-axis0", COPIES,
    "You sum axis 0 whatever the shapes are. Which axes of df are new, and which had the length 1 before?",
)  # fmt: skip
def _(df, shape):
    return df.sum(axis=0)


@mistakes.of("unbroadcast", "unb-ones", COPIES, "The axes of length 1 are summed. What of those that are new in front?")
def _(df, shape):
    return df.sum(axis=of_length_one(shape), keepdims=True)


@mistakes.of(
    "unbroadcast", "unb-squeezed", "the right sums, and an axis is lost",
    "An axis of length 1 is an axis still: sum it with keepdims=True.",
)  # fmt: skip
def _(df, shape):
    return df.sum(axis=leading(df, shape)).sum(axis=of_length_one(shape))


# -- local slopes ------------------------------------------------------------------------------------


@mistakes.of("Multiply.backward", "mul-swap", SLOPE, "d(xy)/dx is y. You gave each factor its own value.")
def _(self, df):
    x, y = self.saved
    return self.unbroadcast(df * x, df * y)


@mistakes.of("Multiply.backward", "mul-nodf", CHAIN, "That is the local slope. What of the gradient that arrives, df?")
def _(self, df):
    x, y = self.saved
    return self.unbroadcast(y, x)


@mistakes.of("Multiply.backward", "mul-twice", SLOPE, "The product is there once too often: df y, not df x y.")
def _(self, df):
    x, y = self.saved
    return self.unbroadcast(df * x * y, df * x * y)


LEFT_AS_IT_IS = "a gradient has the shape of df, not of its operand"
BRING_BACK = "Where x or y was broadcast, its gradient must come back to its own shape: self.unbroadcast(dx, dy)."


@mistakes.of("Multiply.backward", "mul-shape", LEFT_AS_IT_IS, BRING_BACK)
def _(self, df):
    x, y = self.saved
    return df * y, df * x


@mistakes.of("Divide.backward", "div-shape", LEFT_AS_IT_IS, BRING_BACK)
def _(self, df):
    f, y = self.saved
    return df / y, -df * f / y


@mistakes.of(
    "Divide.backward", "div-sign", SLOPE, "When y grows, x / y shrinks (for x, y > 0). Which sign has its slope?"
)
def _(self, df):
    f, y = self.saved
    return self.unbroadcast(df / y, df * f / y)


@mistakes.of("Divide.backward", "div-square", SLOPE, "d(1/y)/dy = -1/y^2: one power of y is missing.")
def _(self, df):
    f, y = self.saved
    return self.unbroadcast(df / y, -df * f)


@mistakes.of("Divide.backward", "div-nodf", CHAIN, "Those are the local slopes. What of the gradient that arrives, df?")
def _(self, df):
    f, y = self.saved
    return self.unbroadcast(1 / y, -f / y)


@mistakes.of("Divide.backward", "div-cube", SLOPE, "f is x / y already: with it, one y is enough below the line.")
def _(self, df):
    f, y = self.saved
    return self.unbroadcast(df / y, -df * f / (y * y))


@mistakes.of(
    "Maximum.backward", "max-both", TIES, "At a tie both got all of df: together they would move f twice. Half to each."
)
def _(self, df):
    x, y, f = self.saved
    return self.unbroadcast(df * (x == f), df * (y == f))


@mistakes.of("Maximum.backward", "max-first", TIES, "At a tie x got all of df and y nothing. Each gets half.")
def _(self, df):
    x, y, f = self.saved
    return self.unbroadcast(df * (x == f), df * (x != f))


@mistakes.of("Maximum.backward", "max-none", TIES, "At a tie neither x nor y got anything. Each gets half of df.")
def _(self, df):
    x, y, f = self.saved
    return self.unbroadcast(df * (y != f), df * (x != f))


@mistakes.of(
    "Maximum.backward", "max-greater", SLOPE,
    "You compare x with y. Minimum inherits this body: ask which of them is f, and it is right for both.",
)  # fmt: skip
def _(self, df):
    x, y, _ = self.saved
    share = np.where(x > y, 1, np.where(x < y, 0, 0.5)).astype(df.dtype)
    return self.unbroadcast(df * share, df * (1 - share))


@mistakes.of("Maximum.backward", "max-shape", LEFT_AS_IT_IS, BRING_BACK)
def _(self, df):
    x, y, f = self.saved
    share = np.where(x == y, 0.5, x == f).astype(df.dtype)
    return df * share, df * (1 - share)


@mistakes.of("Maximum.backward", "max-value", SLOPE, "df is multiplied by the number that won: its slope is 1, not x.")
def _(self, df):
    x, y, f = self.saved
    share = np.where(x == y, 0.5, x == f).astype(df.dtype)
    return self.unbroadcast(df * share * x, df * (1 - share) * y)


# -- matmul ------------------------------------------------------------------------------------------


@mistakes.of(
    "MatMul.backward", "mm-notrans", TRANSPOSED,
    "Square matrices hide it: write the shapes of df, x and y for (2, 3) @ (3, 4). Which factor must be transposed?",
)  # fmt: skip
def _(self, df):
    (x, y), df = self.matrices(), self.as_matrices(df)
    return self.as_given(df @ y, x @ df)


@mistakes.of(
    "MatMul.backward", "mm-order", TRANSPOSED, "Matrix products do not commute: df stands where the output stood."
)
def _(self, df):
    (x, y), df = self.matrices(), self.as_matrices(df)
    return self.as_given(y.swapaxes(-1, -2) @ df, df @ x.swapaxes(-1, -2))


@mistakes.of(
    "MatMul.backward", "mm-alltrans", "right for two matrices, not for stacks of them",
    "x.T of a stack turns all of its axes around. Of each matrix of the stack only the last two: swapaxes(-1, -2).",
)  # fmt: skip
def _(self, df):
    (x, y), df = self.matrices(), self.as_matrices(df)
    return self.as_given(df @ y.T, x.T @ df)


@mistakes.of(
    "MatMul.backward", "mm-simple", "right for two matrices, not for stacks and vectors",
    "x.T turns all axes of a stack around, and a vector has one alone. self.matrices() and swapaxes see to that.",
)  # fmt: skip
def _(self, df):
    x, y = self.saved
    return df @ y.T, x.T @ df


@mistakes.of(
    "MatMul.backward", "mm-vector", "right for matrices, not for vectors",
    "A vector has no second axis to exchange: self.matrices() and self.as_matrices(df) make a row or a column of it.",
)  # fmt: skip
def _(self, df):
    x, y = self.saved
    return df @ y.swapaxes(-1, -2), x.swapaxes(-1, -2) @ df


# -- the order ---------------------------------------------------------------------------------------

ORDER_BLANK = "reverse_topological_order"


MET = (
    "That is the order in which a search meets the nodes. On paper, for x + x * x and for x * x + x: does x come after "
    "all that use it?"
)


@mistakes.of(ORDER_BLANK, "en-preorder", ORDER, MET)
def _(root):
    order, seen, stack = [], {id(root)}, [root]
    while stack:
        node = stack.pop()
        order.append(node)
        for source in sources_of(node):
            if source is not None and id(source) not in seen:
                seen.add(id(source))
                stack.append(source)
    return order


@mistakes.of(ORDER_BLANK, "en-preorder-late", ORDER, MET)
def _(root):
    order, seen, stack = [], set(), [root]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            order.append(node)
            stack += [source for source in sources_of(node) if source is not None]
    return order


@mistakes.of(ORDER_BLANK, "en-preorder-calls", ORDER, MET)
def _(root):
    order, seen = [], set()

    def visit(node):
        seen.add(id(node))
        order.append(node)
        for source in sources_of(node):
            if source is not None and id(source) not in seen:
                visit(source)

    visit(root)
    return order


@mistakes.of(
    ORDER_BLANK, "en-breadth", ORDER,
    "Level by level is no topological order: a node may be used by the loss and, further down, once more.",
)  # fmt: skip
def _(root):
    order, seen = [root], {id(root)}
    for node in order:
        for source in sources_of(node):
            if source is not None and id(source) not in seen:
                seen.add(id(source))
                order.append(source)
    return order


@mistakes.of(ORDER_BLANK, "en-forward", ORDER, "The walk begins at the leaves: it must begin at the loss.")
def _(root):
    return reverse_topological_order(root)[::-1]


@mistakes.of(
    ORDER_BLANK, "en-everypath", ORDER,
    "A node stands in the list once for every path that leads to it. Remember which nodes you have seen.",
)  # fmt: skip
def _(root):
    order, stack = [], [root]
    while stack:
        node = stack.pop()
        order.append(node)
        stack += [source for source in sources_of(node) if source is not None]
    return order


@mistakes.of(
    ORDER_BLANK, "en-recursion", "it calls itself too deeply",
    "Python stops a function that calls itself about a thousand levels deep. A list of your own can be as long as "
    "memory allows: keep on it where you are, in place of a call.",
)  # fmt: skip
def _(root):
    order, seen = [], set()

    def visit(node):
        seen.add(id(node))
        for source in sources_of(node):
            if source is not None and id(source) not in seen:
                visit(source)
        order.append(node)

    visit(root)
    return order[::-1]


# -- the walk ----------------------------------------------------------------------------------------


@mistakes.of(
    "add_to_grad", "en-overwrite", NOT_ADDED, "A second backward() replaces .grad; it must add to what is there."
)
def _(leaf, df):
    leaf.grad = df


def walk(root, gradient, retain_graph, put_together, free=True, free_first=False):
    """The walk back, with another way to put shares together."""
    arrived = {id(root): gradient}
    order = reverse_topological_order(root)
    refuse_freed(order)
    for node in order:
        df = arrived.pop(id(node))
        if is_leaf(node):
            add_to_grad(node, df)
            continue
        if free_first and not retain_graph:
            node.free()
        for source, share in shares_of(node, df, retain_graph):
            earlier = arrived.get(id(source))
            arrived[id(source)] = share if earlier is None else put_together(earlier, share)
        if free and not retain_graph:
            node.free()


@mistakes.of("walk_back", "en-firstshare", NOT_ADDED, "x * x: both uses of x send a share, and you kept the first one.")
def _(root, gradient, retain_graph):
    walk(root, gradient, retain_graph, lambda earlier, share: earlier)


@mistakes.of("walk_back", "en-lastshare", NOT_ADDED, "x * x: both uses of x send a share, and you kept the last one.")
def _(root, gradient, retain_graph):
    walk(root, gradient, retain_graph, lambda earlier, share: share)


@mistakes.of(
    "walk_back", "en-inplace", "an array that others hold was written",
    "`earlier += share` writes into an array that an op may have sent to two sources at once. Make a new one.",
)  # fmt: skip
def _(root, gradient, retain_graph):
    walk(root, gradient, retain_graph, np.ndarray.__iadd__)


@mistakes.of(
    "walk_back",
    "en-nofree",
    FREED,
    "Without retain_graph each node lets go of what it saved: node.free(), once it ran.",
)
def _(root, gradient, retain_graph):
    walk(root, gradient, retain_graph, np.add, free=False)


@mistakes.of("walk_back", "en-freefirst", FREED, "A node that has been freed has forgotten what its backward needs.")
def _(root, gradient, retain_graph):
    walk(root, gradient, retain_graph, np.add, free_first=True)


@mistakes.of("walk_back", "en-alwaysfree", FREED, "With retain_graph=True nothing is freed: a second walk needs it.")
def _(root, gradient, retain_graph):
    walk(root, gradient, False, np.add)


@mistakes.of(
    "Tensor.backward", "en-seed", START, "dE/dE = 1. You started the walk with E itself.",
)  # fmt: skip
def _(self, gradient=None, retain_graph=False):
    self._refuse_backward(gradient)
    start(self, self.data.copy() if gradient is None else gradient, retain_graph)


def start(tensor, gradient, retain_graph):
    walk_back(tensor.node, tensor._own_gradient(gradient), retain_graph)


@mistakes.of("Tensor.backward", "en-ones", START, "A gradient that was given is where the walk starts. You took 1.")
def _(self, gradient=None, retain_graph=False):
    self._refuse_backward(gradient)
    start(self, np.ones_like(self.data), retain_graph)


@mistakes.of("Tensor.backward", "en-retain", FREED, "Hand retain_graph on: the walk is what keeps or frees the graph.")
def _(self, gradient=None, retain_graph=False):
    self._refuse_backward(gradient)
    start(self, np.ones_like(self.data) if gradient is None else gradient, False)


# -- descent -----------------------------------------------------------------------------------------


def descent(loss_of, parameters, lr, steps, zero=True, after=False):
    losses = []
    for _ in range(steps):
        if zero:
            for a in parameters:
                a.grad = None
        loss = loss_of()
        loss.backward()
        for a in parameters:
            if a.grad is not None:
                a.data = a.data - lr * a.grad
        losses.append(loss_of().item() if after else loss.item())
    return losses


@mistakes.of(
    "descend", "tr-nozero", STEPS,
    "backward() adds to .grad, and the gradients of earlier steps are still in it. Forget them before each step.",
)  # fmt: skip
def _(loss_of, parameters, lr, steps):
    return descent(loss_of, parameters, lr, steps, zero=False)


@mistakes.of("descend", "de-climb", STEPS, "The gradient points uphill. Which way is down?")
def _(loss_of, parameters, lr, steps):
    return descent(loss_of, parameters, -lr, steps)


@mistakes.of("descend", "de-after", STEPS, "The losses are those after each step; asked for are those before.")
def _(loss_of, parameters, lr, steps):
    return descent(loss_of, parameters, lr, steps, after=True)


@mistakes.of(
    "descend", "de-onegraph", STEPS,
    "The loss was computed once, from the first weights. After a step the weights are others: compute it anew.",
)  # fmt: skip
def _(loss_of, parameters, lr, steps):
    losses, loss = [], loss_of()
    for _ in range(steps):
        for a in parameters:
            a.grad = None
        loss.backward(retain_graph=True)
        for a in parameters:
            if a.grad is not None:
                a.data = a.data - lr * a.grad
        losses.append(loss.item())
    return losses


@mistakes.of(
    "descend", "de-unused", "a parameter without a gradient",
    "A parameter that has no part in the loss: its .grad is None after backward(). Leave it as it is.",
)  # fmt: skip
def _(loss_of, parameters, lr, steps):
    for _ in range(steps):
        loss_of().backward()
        for a in parameters:
            a.data = a.data - lr * a.grad


@mistakes.of(
    "descend", "de-tensors", "a Tensor where a number is asked for",
    "A Tensor holds its whole graph, and so does a list of them. The number alone is loss.item().",
)  # fmt: skip
def _(loss_of, parameters, lr, steps):
    losses = descent(loss_of, parameters, lr, steps)
    return [Tensor(np.array(loss, parameters[0].dtype)) for loss in losses]
