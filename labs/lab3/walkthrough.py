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
# # Lab 3, a warm-up: PReLU and its two local slopes
#
# Everything here runs on the finished source; nothing has to be written yet. Look at the pictures, change a number, run
# the cell again. The slopes are found by small steps, not by a formula: read the formulas off the pictures.

# %%
import matplotlib.pyplot as plt
import numpy as np

from minidelve import Tensor, graph, prelu

SLOPES = [-0.5, 0.0, 0.25, 1.0, 1.5]
LOOKS = [("#b03a2e", "-."), ("#9a9a9a", "-"), ("#000000", "-"), ("#1f4e9c", "--"), ("#3a9b8f", ":")]
y = np.linspace(-2, 2, 401)


def f(y, a):
    """PReLU of many y, with one slope for all of them."""
    return prelu(Tensor(y.reshape(1, 1, -1)), Tensor(np.array([a]))).data.reshape(-1)


# %% [markdown]
# ## The function
#
# a = 0 is ReLU, a = 0.25 is where the paper starts, a = 1 is no bend at all. Nothing keeps a learned slope from growing
# above 1, or from falling below 0.

# %%
figure, panel = plt.subplots(figsize=(5, 4), layout="constrained")
for a, (colour, dashes) in zip(SLOPES, LOOKS, strict=True):
    panel.plot(y, f(y, a), color=colour, linestyle=dashes, linewidth=2, label=f"a = {a}")
panel.set(title="f(y) for five slopes", xlabel="y", ylabel="f(y)")
panel.grid(color="0.9")
panel.legend()
plt.show()

# %% [markdown]
# ## Two local slopes
#
# f depends on y and on a, so it has two slopes. Each is found by a small step: how much does f move when y moves a
# little and a stays, and how much when a moves a little and y stays?
#
# Before you run the cell, draw on paper what you expect. In the right picture: where does a have no say at all? And
# what does the height of the line depend on, y, a, or both?

# %%
STEP = 1e-6
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for i, (a, (colour, dashes)) in enumerate(zip(SLOPES, LOOKS, strict=True)):
    look = {"color": colour, "linestyle": dashes, "linewidth": 2 + 1.5 * (len(SLOPES) - i), "label": f"a = {a}"}
    by_y = (f(y + STEP, a) - f(y - STEP, a)) / (2 * STEP)
    by_a = (f(y, a + STEP) - f(y, a - STEP)) / (2 * STEP)
    left.plot(y, np.where(y == 0, np.nan, by_y), **look | {"linewidth": 2})
    right.plot(y, by_a, **look)
left.set(title="moved by y: ∂f/∂y", xlabel="y", ylabel="∂f/∂y")
right.set(title="moved by a: ∂f/∂a (five lines, one on the other)", xlabel="y", ylabel="∂f/∂a")
for panel in (left, right):
    panel.grid(color="0.9")
    panel.legend()
plt.show()

# %% [markdown]
# At y = 0 the left picture has a jump: f has no slope there, and one has to be chosen. The paper counts 0 as negative.
#
# ## One slope, used many times
#
# A channel has one a, and uses it at every position of every image. Here is a channel of two images of 3 x 4, and a
# loss E = (f(y) w).sum() with random weights w. Let a move a little *at one position only*, and see by how much E
# moves; then let a move everywhere, as it really does.

# %%
rng = np.random.default_rng(0)
maps, w, a = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4)), 0.25


def loss(slopes):
    """E, where each position has a slope of its own."""
    return (np.array([f(np.array([v]), s)[0] for v, s in zip(maps.flat, slopes.flat)]).reshape(maps.shape) * w).sum()


everywhere = np.full(maps.shape, a)
shares = np.zeros(maps.shape)
for place in np.ndindex(maps.shape):
    moved = everywhere.copy()
    moved[place] += STEP
    shares[place] = (loss(moved) - loss(everywhere)) / STEP
whole = (loss(everywhere + STEP) - loss(everywhere)) / STEP

figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
most = 1.5 * np.abs(shares).max()
for n, panel in enumerate(panels):
    image = panel.imshow(shares[n], cmap="RdBu_r", vmin=-most, vmax=most)
    for (i, j), share in np.ndenumerate(shares[n]):
        panel.text(j, i, f"{share:.2f}", ha="center", va="center")
    panel.set(title=f"image {n}", xticks=range(4), yticks=range(3))
figure.suptitle(f"How much E moves with a at one position; with a everywhere: {whole:.4f}")
plt.show()

# %% [markdown]
# Which number made of the 24 is the one in the title: their sum, or their mean? And why are some of them exactly 0?
#
# ## What the engine gives

# %%
leaf = Tensor(np.array([a]), requires_grad=True)
E = (prelu(Tensor(maps[:, None]), leaf) * Tensor(w[:, None])).sum()
E.backward(retain_graph=True)  # kept, to be drawn below
print(f"small steps {whole:.6f}, backward {leaf.grad[0]:.6f}")
graph(E)
