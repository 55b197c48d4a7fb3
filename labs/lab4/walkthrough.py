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
# # Lab 4, a warm-up: im2col of a 3 x 3 picture, and the way back
#
# Everything here runs on the finished source; nothing has to be written yet. Look at the pictures, change a number, run
# the cell again. You will write what makes them.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from kernels.reference import col2im, im2col

NAMES = np.array(list("abcdefghi")).reshape(3, 3)
picture = np.arange(1.0, 10.0).reshape(1, 3, 3, 1)  # of one image and one channel: 1 to 9 in place of a to i
KERNEL, STRIDE, PADDING = (2, 2), (1, 1), (0, 0)
COLOURS = ["#1f4e9c", "#b03a2e", "#3a9b8f", "#d98f2b"]


def letter(number):
    """What a number of the picture is called; 0 is the frame."""
    return NAMES.flat[int(number) - 1] if number else "0"


def draw(panel, numbers, title, colours=None):
    """A matrix of numbers as letters in boxes."""
    height, width = numbers.shape
    panel.set(xlim=(-0.05, width + 0.05), ylim=(height + 0.05, -0.05), title=title)
    panel.set_aspect("equal")
    panel.axis("off")
    for (i, j), number in np.ndenumerate(numbers):
        face = "white" if colours is None else colours[i, j]
        panel.add_patch(Rectangle((j, i), 1, 1, facecolor=face, edgecolor="0.6"))
        panel.text(j + 0.5, i + 0.5, letter(number), ha="center", va="center", fontsize=13)


# %% [markdown]
# ## Row by row
#
# A 2 x 2 window fits four times on a 3 x 3 picture. Each time, what it sees becomes a row of cols, read as one reads a
# text: (u, v), u downwards.

# %%
cols = im2col(picture, KERNEL, STRIDE, PADDING)
print("cols has the shape", cols.shape, "= (N, OH, OW, kh kw C)")
figure, panels = plt.subplots(2, 4, figsize=(10, 4), layout="constrained", height_ratios=(3, 1.4))
for row, (i, j) in enumerate(np.ndindex(2, 2)):
    draw(panels[0, row], picture[0, :, :, 0], f"window (i, j) = ({i}, {j})")
    panels[0, row].add_patch(Rectangle((j, i), 2, 2, facecolor=COLOURS[row], alpha=0.35))
    panels[0, row].add_patch(Rectangle((j, i), 2, 2, fill=False, edgecolor=COLOURS[row], linewidth=3))
    draw(panels[1, row], cols[0, i, j][None], f"row {row} of cols")
plt.show()

# %% [markdown]
# ## A column is a tap
#
# Look at cols the other way. A *column* belongs to one tap (u, v), and holds what that tap sees as the window slides: a
# shifted piece of the picture. There are few taps, and many positions: which loop would you write?

# %%
figure, panels = plt.subplots(1, 5, figsize=(11, 2.6), layout="constrained")
matrix = cols.reshape(4, 4)
draw(panels[0], matrix, "cols: 4 rows, 4 taps", np.tile(np.array(["#dce6f4", "#f4dcd9", "#dcefec", "#f8ead3"]), (4, 1)))
for tap, (u, v) in enumerate(np.ndindex(2, 2)):
    draw(panels[1 + tap], picture[0, :, :, 0], f"column of tap ({u}, {v})")
    panels[1 + tap].add_patch(Rectangle((v, u), 2, 2, facecolor=COLOURS[tap], alpha=0.35))
plt.show()

# %% [markdown]
# ## Strides, and a frame of zeros
#
# With padding 1 the picture gets a frame of zeros; with stride 2 a window begins at every second place. How many
# windows fit? Count, then compare with (L + 2p - k) / s + 1, rounded down.

# %%
framed = np.pad(picture[0, :, :, 0], 1)
figure, panels = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for row, (i, j) in enumerate(np.ndindex(2, 2)):
    draw(panels[row], framed, f"stride 2, padding 1: ({i}, {j})")
    panels[row].add_patch(Rectangle((2 * j, 2 * i), 2, 2, facecolor=COLOURS[row], alpha=0.35))
plt.show()
print(im2col(picture, KERNEL, (2, 2), (1, 1)).reshape(4, 4))

# %% [markdown]
# ## The way back
#
# Where windows overlap, a pixel is copied to several rows. How often? Give every number of cols a 1 and send it back
# with col2im: what arrives at a pixel is the number of its copies.
#
# In backward each copy brings a gradient, its own share of how the loss moves. Think of x * x in lab 1: what does a
# number get that was used twice?

# %%
GEOMETRIES = [
    ("2 x 2, stride 1", (6, 6), (2, 2), (1, 1), (0, 0)),
    ("3 x 3, stride 1, padding 1", (6, 6), (3, 3), (1, 1), (1, 1)),
    ("3 x 3, stride 2", (6, 6), (3, 3), (2, 2), (0, 0)),
    ("2 x 2, stride 3", (6, 6), (2, 2), (3, 3), (0, 0)),
]
figure, panels = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
for panel, (title, size, *window) in zip(panels, GEOMETRIES, strict=True):
    ones = np.ones_like(im2col(np.zeros((1, *size, 1)), *window))
    copies = col2im(ones, size, *window)[0, :, :, 0]
    panel.imshow(copies, cmap="Blues", vmin=0, vmax=18)
    for (i, j), count in np.ndenumerate(copies):
        panel.text(j, i, f"{count:.0f}", ha="center", va="center")
    panel.set(title=title, xticks=[], yticks=[])
figure.suptitle("How many rows of cols each pixel of a 6 x 6 picture was copied to")
plt.show()

# %% [markdown]
# Why do corners have fewer copies than the middle? In which picture are there pixels that no window reads, and which
# gradient do they get?
#
# ## A convolution is a product
#
# One filter that adds up what it sees: W has one row of four ones. The product does at once what a loop over windows
# would do.

# %%
W = np.ones((1, 4))
print((cols.reshape(4, 4) @ W.T).reshape(2, 2))
print("a + b + d + e =", 1 + 2 + 4 + 5)
