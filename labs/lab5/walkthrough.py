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
# # Lab 5, a warm-up: bins over maps, and where a maximum's gradient goes
#
# Everything here runs on the finished source; nothing has to be written yet. Look at the pictures, change a number,
# run the cell again. You will write what makes them.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from minidelve import Tensor, max_pool2d, spatial_pyramid_pool2d
from minidelve.ops.spatial_pyramid_pool2d import bin_edges, pyramid_bins

COLOURS = ["#1f4e9c", "#b03a2e", "#3a9b8f", "#d98f2b"]

# %% [markdown]
# ## A map cut into bins
#
# A pyramid of levels 3, 2 and 1 cuts every map, whatever its size, into 9 + 4 + 1 bins. Each rectangle below is a bin,
# drawn a little inside of its pixels. Where 3 does not divide the side of a map, bins share rows: you see them overlap.

# %%
LEVELS = (3, 2, 1)
SIZES = [(6, 6), (5, 7), (4, 10), (2, 2)]


def draw_bins(panel, size, n):
    """The n x n bins over a map of this size, each in a frame of its own."""
    height, width = size
    panel.set(xlim=(-0.1, width + 0.1), ylim=(height + 0.1, -0.1), xticks=range(width + 1), yticks=range(height + 1))
    panel.grid(color="0.85")
    panel.set_axisbelow(True)
    panel.set_aspect("equal")
    for b, (top, bottom, left, right) in enumerate(pyramid_bins(size, (n,))):
        inset = 0.08 + 0.07 * (b % 2) + 0.07 * (b // n % 2)  # neighbours lie beside each other, not on each other
        panel.add_patch(
            Rectangle(
                (left + inset, top + inset), right - left - 2 * inset, bottom - top - 2 * inset,
                edgecolor=COLOURS[b % 2 + 2 * (b // n % 2)], facecolor="none", linewidth=1.8,
            )
        )  # fmt: skip


figure, panels = plt.subplots(len(SIZES), len(LEVELS), figsize=(9, 9), layout="constrained")
for row, size in zip(panels, SIZES, strict=True):
    for panel, n in zip(row, LEVELS, strict=True):
        draw_bins(panel, size, n)
        panel.set_title(f"map {size[0]} x {size[1]}, {n} x {n} bins", fontsize=9)
plt.show()

# %% [markdown]
# The last row is a map of 2 x 2 that is cut into 3 x 3 bins: there are more bins than pixels, and yet none of them is
# empty. Along one side:

# %%
for L, n in [(6, 3), (7, 3), (2, 3), (13, 6)]:
    print(f"L = {L:2}, n = {n}: {bin_edges(L, n)}")

# %% [markdown]
# **Before you go on:** take paper, draw a side of 7 rows, and mark where it would have to be cut to get three parts of
# exactly one length. Which rows does each part touch? Compare with the second line.
#
# ## A vector of one size

# %%
rng = np.random.default_rng(0)
for size in [(6, 6), (5, 7), (4, 10), (40, 31)]:
    x = Tensor(rng.normal(size=(1, 8, *size)))
    print(
        f"8 channels of {size[0]} x {size[1]}: {x.data.size:6} numbers -> {spatial_pyramid_pool2d(x, LEVELS).data.size}"
    )

# %% [markdown]
# ## Where the gradient of a maximum goes
#
# Max pooling with windows of 3 x 3 and a stride of 2: neighbours share a row or a column. On the left a map and the
# places that won; on the right the gradient that arrives there when every output has the gradient 1. A pixel that won
# in two windows gets 2, and most of the pixels get nothing at all. (In the window at the top right two nines are equal.
# Which of them won?)

# %%
x = Tensor(rng.integers(-9, 10, (1, 1, 7, 7)).astype(float), requires_grad=True)
y = max_pool2d(x, kernel_size=3, stride=2)
y.sum().backward()


def draw_numbers(panel, numbers, title, marked):
    panel.imshow(np.where(marked, 1.0, 0.0), cmap="Blues", vmin=0, vmax=2.5)
    for (r, w), number in np.ndenumerate(numbers):
        panel.text(w, r, f"{number:.0f}", ha="center", va="center", color="black" if marked[r, w] else "0.5")
    panel.set(title=title, xticks=[], yticks=[])


figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
won = x.grad[0, 0] > 0
draw_numbers(panels[0], x.data[0, 0], "x, and what won", won)
draw_numbers(panels[1], y.data[0, 0], "y = the maxima", np.zeros((3, 3), bool))
draw_numbers(panels[2], x.grad[0, 0], "dE/dx for E = sum of y", won)
plt.show()
print(f"dE/dx sums up to {x.grad.sum():.0f}, one for each of the {y.data.size} outputs")

# %% [markdown]
# ## What lies around the map
#
# With padding a window sees a frame around the map. Here all of x is negative, as a PReLU's maps often are.

# %%
x = Tensor(-rng.uniform(1, 2, (1, 1, 4, 4)))
print(np.round(max_pool2d(x, 3, stride=2, padding=1).data[0, 0], 2))

# %% [markdown]
# **Before you go on:** what would this print if the frame were made of zeros, as it is for a convolution? And which
# pixel would then get the gradient?
