# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 1, a warm-up: a computation leaves a trail, and the gradient walks it back
#
# Everything here runs on the product's own engine. Look at what it does; you will write how.

# %%
from html import escape

import matplotlib.pyplot as plt
import numpy as np

from minidelve import Tensor
from minidelve.analysis.drawing import Box, svg
from minidelve.tensor import Function

# %% [markdown]
# ## The trail
#
# A Tensor that wants a gradient remembers which op made it, and the op remembers where its inputs came from.

# %%
x = Tensor(3.0, requires_grad=True)
loss = x * x + x
loss.graph()

# %% [markdown]
# Round boxes are leaves: tensors that no op made. Arrows point the way that the numbers went. Two of them go from x
# into the product, since x is used there twice.
#
# **Before you go on:** write the derivative of x² + x at x = 3 down. Through how many ways does x move the loss?
#
# ## The walk
#
# backward() visits the boxes, one after the other. Each is given dE/d(its result), and sends to each of its inputs what
# that input gets by way of this box. The next cell notes what every box was given and what it sent, while the engine
# does its work.


# %%
class Walk:
    """What happens in a backward(): a picture for every op that it visits."""

    def __init__(self, loss, **leaves):
        drawn = loss.graph()
        self.nodes, self.sources = nodes_of(loss), drawn.sources
        self.names = {id(leaf): name for name, leaf in leaves.items()}
        self.visits = []
        original = Function.run_backward

        def noting(node, df):
            sent = original(node, df)
            self.visits.append((node, df, [(id(s), d) for s, d in zip(node.sources, sent, strict=True)]))
            return sent

        Function.run_backward = noting
        try:
            loss.backward(retain_graph=True)
        finally:
            Function.run_backward = original

    def name(self, node):
        return self.names.get(id(node), type(node).__name__)

    def picture(self, step):
        """The graph when `step` ops have been visited: what was given, and what has been sent and waits."""
        given = {id(node): short(df) for node, df, _ in self.visits[:step]}
        sent = [share for _, _, shares in self.visits[:step] for share in shares]
        boxes = []
        for node in self.nodes:
            waits = [short(d) for place, d in sent if place == id(node)]
            text = (
                f"was given {given[id(node)]}"
                if id(node) in given
                else f"waiting: {', '.join(waits)}"
                if waits
                else " "
            )
            boxes.append(Box(self.name(node), text, "", isinstance(node, Tensor)))
        return svg(boxes, self.sources)

    def _repr_html_(self):
        cells = []
        for step in range(1, len(self.visits) + 1):
            node = self.visits[step - 1][0]
            title = f"{step}. {escape(self.name(node))}"
            cells.append(f"<div style='margin:1em'><b>{title}</b><br>{self.picture(step)}</div>")
        return f"<div style='display:flex;flex-wrap:wrap'>{''.join(cells)}</div>"


def nodes_of(loss):
    """The ops and leaves behind a loss, in the order of its picture."""
    from minidelve.analysis.graph import nodes_of

    return nodes_of(loss)[0]


def short(df):
    return f"{float(df):.3g}"


Walk(loss, x=x)

# %% [markdown]
# **Before you go on:** what lies waiting at x in the end, and what is `x.grad`?

# %%
x.grad.item()

# %% [markdown]
# ## Whose turn is it?
#
# The sum sends to the product and to x at the same time. Suppose that x were an op, and that it were visited at once,
# before the product: what would it know, and what would it miss?
#
# Here is such a case: the exponential is used three times, and not always at the same distance from the loss.

# %%
x = Tensor(0.5, requires_grad=True)
top = x.exp()
loss = top * 2 + (top + top * 3)
Walk(loss, x=x)

# %% [markdown]
# **Before you go on:** write the order down in which the boxes were visited. There are others that would do. Which rule
# do all of them keep?
#
# ## Again
#
# .grad is a purse, not a display: what a walk brings is put beside what is there. (The walks above kept the graph, so
# that it can be walked once more.)

# %%
for _ in range(3):
    loss.backward(retain_graph=True)
    print(x.grad)

# %% [markdown]
# ## Copies
#
# In `z + b` with z (4, 3) and b (3,) NumPy uses every b in four rows. df has a number for each of the twelve places.
# Places of one colour hold copies of one b.


# %%
def places(panel, numbers, colours, title):
    """An array as a table of coloured cells."""
    panel.imshow(colours, cmap="Pastel1", vmin=0, vmax=8)
    for (i, j), number in np.ndenumerate(numbers):
        panel.text(j, i, f"{number:.1f}", ha="center", va="center")
    panel.set(title=title, xticks=[], yticks=[])


rng = np.random.default_rng(1)
df = rng.normal(size=(4, 3)).round(1)
b = Tensor(np.zeros(3), requires_grad=True)
c = Tensor(np.zeros((4, 1)), requires_grad=True)
(Tensor(np.zeros((4, 3))) + b).backward(df)
(Tensor(np.zeros((4, 3))) + c).backward(df)

of_b, of_c = np.broadcast_to(np.arange(3), (4, 3)), np.broadcast_to(np.arange(4)[:, None], (4, 3))
figure, panels = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
places(panels[0], df, of_b, "df, if b (3,) was added")
places(panels[1], b.grad[None], of_b[:1], "dE/db")
places(panels[2], df, of_c, "df, if c (4, 1) was added")
places(panels[3], c.grad, of_c[:, :1], "dE/dc")
plt.show()

# %% [markdown]
# **Before you go on:** how does dE/db come from df? And dE/dc?
#
# ## An instrument
#
# No gradient need be believed. Move a number a little, both ways, and look how far the loss moves.


# %%
def difference(f, x, h=1e-5):
    """df/dx at every element, by central differences."""
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][i] += h
        moved[1][i] -= h
        slopes[i] = (f(moved[0]) - f(moved[1])) / (2 * h)
    return slopes


x, y, df = (rng.normal(size=shape) for shape in [(2, 3), (3, 4), (2, 4)])
print(difference(lambda x: (x @ y * df).sum(), x))

# %% [markdown]
# That is dE/dx of a matrix product x y, df being what arrives. x is (2, 3), y is (3, 4), df is (2, 4).
#
# **Before you go on:** with which product of two of them, transposed or not, do you get these numbers? Only one has the
# right shape. Try it in the next cell.

# %%
