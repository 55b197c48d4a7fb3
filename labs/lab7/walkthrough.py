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
# # Lab 7, a warm-up: a ball in a valley, and a mask
#
# Momentum makes of a parameter a ball with friction. Let it roll.

# %%
import matplotlib.pyplot as plt
import numpy as np

from minidelve import data

MU = 0.9
CURVATURES = np.array([0.1, 20.0])  # along the valley, and across it
START = np.array([2.0, 0.3])


def slope(a):
    """The gradient of E = (0.1 x² + 20 y²) / 2."""
    return CURVATURES * a


def paper(mu, rates, gradient, start):
    """Positions of the paper's rule (4): eps inside of D."""
    a, D, positions = np.array(start, float), 0.0, [start]
    for eps in rates:
        D = mu * D + eps * gradient(a)
        a = a - D
        positions.append(a)
    return np.array(positions)


def pytorch(mu, rates, gradient, start):
    """Positions of PyTorch's rule: eps outside."""
    a, v, positions = np.array(start, float), 0.0, [start]
    for eps in rates:
        v = mu * v + gradient(a)
        a = a - eps * v
        positions.append(a)
    return np.array(positions)


# %% [markdown]
# ## With and without momentum
#
# The valley is steep across and almost flat along. Without momentum, a rate that the steep direction just bears is much
# too small for the flat one.

# %%
eps = [0.08] * 60
x, y = np.meshgrid(np.linspace(-1.8, 2.2, 200), np.linspace(-0.62, 0.42, 200))
figure, panel = plt.subplots(figsize=(7, 4), layout="constrained")
panel.contour(x, y, (0.1 * x**2 + 20 * y**2) / 2, levels=np.geomspace(0.005, 2, 9), colors="0.85")
for mu, look in ((0.0, "k.-"), (MU, "C0s--")):
    panel.plot(*paper(mu, eps, slope, START).T, look, markersize=4, label=f"mu = {mu}, 60 steps")
panel.plot(0, 0, "*", color="C3", markersize=14, linestyle="none", label="the minimum")
panel.set(xlabel="a, along the valley", ylabel="a, across the valley")
panel.legend()
plt.show()

# %% [markdown]
# **Before you go on:** try mu = 0.5 and 0.99, and twice the rate. What becomes faster, what swings?
#
# ## Two forms
#
# While the rate stays, the two rules take the same steps. Here it drops to a tenth in the middle of the way.

# %%
rates = [0.08] * 20 + [0.008] * 60
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for rule, look in ((paper, "k-"), (pytorch, "C0--")):
    left.plot(rule(MU, rates, slope, START)[:, 0], look, label=rule.__name__)
    steps = -np.diff(rule(MU, rates, lambda a: np.ones(1), [0.0])[:, 0])
    right.plot(range(1, len(steps) + 1), steps, look, label=rule.__name__)
left.set(title="In the valley", xlabel="step", ylabel="a, along the valley")
right.set(title="Down a constant slope of 1", xlabel="step", ylabel="length of the step")
for panel in (left, right):
    panel.axvline(20, color="0.6", linestyle=":", label="eps / 10")
    panel.legend()
plt.show()

# %% [markdown]
# **Before you go on:** on the right, where do the two lines end, and why at the same height? How many steps does the
# paper's ball need to come within a tenth of it?
#
# ## A mask
#
# Dropout silences numbers at random. On a picture it can be seen. (Here the three colours of a pixel share their fate.
# In a network it is done to the units of a layer, to each for itself.)

# %%
image = data.ToyDataset("train", 10).image(3) / 255
p = 0.5
rng = np.random.default_rng(0)
masks = rng.uniform(size=(400, *image.shape[:2], 1)) >= p
dropped = masks * image

figure, panels = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
shown = {
    "x": image,
    "one mask": np.broadcast_to(masks[0], image.shape) * 1.0,
    "x under that mask": dropped[0],
    "the mean under 400 masks": dropped.mean(axis=0),
}
for panel, (title, picture) in zip(panels, shown.items(), strict=True):
    panel.imshow(picture)
    panel.set(title=f"{title}\nmean {picture.mean():.3f}", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# The last picture is what the next layer gets **on average**. It is x again, and too dark.
#
# **Before you go on:** what must each picture under a mask be multiplied by, so that the average is x? Try it with
# p = 0.2 and p = 0.8. Why is it better to do so in training than to darken x in testing?
#
# ## A mean of means
#
# 43 numbers in batches of 8: the last batch has 3.

# %%
numbers = np.sort(rng.exponential(size=43))
batches = [numbers[start : start + 8] for start in range(0, 43, 8)]
print("batches of", [len(batch) for batch in batches])
print(f"mean of all numbers       {numbers.mean():.4f}")
print(f"mean of the batches' means {np.mean([batch.mean() for batch in batches]):.4f}")

# %% [markdown]
# **Before you go on:** which numbers count for more in the second line, and by how much?
