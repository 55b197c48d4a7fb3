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
# # Lab 6, a warm-up: a signal through thirty layers
#
# Nothing is trained here. Numbers go in and pass 30 layers of random weights. How large are they on the way?

# %%
import matplotlib.pyplot as plt
import numpy as np

from minidelve.nn.init import he_std, xavier_std

UNITS, DEPTH, IMAGES = 256, 30, 200
LOOKS = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3))]


def responses(std, slope=0.0, seed=0):
    """y of every layer, (IMAGES, UNITS): x goes in with variance 1, behind each layer stands a rectifier."""
    rng = np.random.default_rng(seed)
    x, ys = rng.normal(size=(IMAGES, UNITS)), []
    for _ in range(DEPTH):
        W = rng.normal(0, std, (UNITS, UNITS))
        y = x @ W.T
        x = np.where(y > 0, y, slope * y)
        ys.append(y)
    return ys


def draw(panel, starts, slope=0.0, scale="log"):
    """The deviation of the responses, layer by layer."""
    for look, (name, std) in zip(LOOKS, starts.items(), strict=False):
        deviations = [y.std() for y in responses(std, slope)]
        panel.plot(range(1, DEPTH + 1), deviations, linestyle=look, label=f"{name}: std {std:.4f}")
    panel.set(yscale=scale, xlabel="layer", ylabel="deviation of the responses")
    panel.grid(color="0.9")
    panel.legend(fontsize=8)


# %% [markdown]
# ## Two rules
#
# He's weights and Xavier's differ by a factor that looks harmless.

# %%
shape = (UNITS, UNITS)
rules = {"He": he_std(shape), "Xavier": xavier_std(shape, "fan_in")}
figure, panel = plt.subplots(figsize=(6.5, 4), layout="constrained")
draw(panel, rules)
panel.set_title("30 layers of 256 units, ReLU")
plt.show()

# %% [markdown]
# **Before you go on:** how much of Xavier's signal is left after layer 30? It shrinks by one factor in every layer.
# Read the factor off the picture, then derive it: which part of E[y²] does a ReLU let pass?
#
# ## Some that are wrong
#
# Each of these has been written by somebody. A straight line in this picture means the same factor in every layer, and
# 30 layers make any factor but 1 very small or very large.

# %%
wrong = {
    "He": he_std(shape),
    "twice He's": 2 * he_std(shape),
    "He's variance taken as std": he_std(shape) ** 2,
    "all weights counted": he_std((UNITS, UNITS * UNITS)),
    "0.01 in every layer": 0.01,
}
figure, panel = plt.subplots(figsize=(6.5, 4.4), layout="constrained")
draw(panel, wrong)
panel.set_title("30 layers of 256 units, ReLU")
plt.show()

# %% [markdown]
# ## What the numbers look like
#
# The responses of layers 1, 10 and 30, each drawn on the same axis.

# %%
figure, panels = plt.subplots(2, 3, figsize=(9, 4.5), sharex=True, layout="constrained")
for row, (name, std) in zip(panels, rules.items(), strict=True):
    ys = responses(std)
    for panel, layer in zip(row, (1, 10, 30), strict=True):
        panel.hist(ys[layer - 1].ravel(), bins=np.linspace(-5, 5, 81), density=True, color="#1f4e9c")
        panel.set(title=f"{name}, layer {layer}", yticks=[])
plt.show()

# %% [markdown]
# ## A slope
#
# A PReLU lets a part of the negative half pass. He's rule for ReLU then is a little too large: not much in one layer.

# %%
SLOPE = 0.25
figure, panel = plt.subplots(figsize=(6.5, 4), layout="constrained")
draw(panel, {"He for ReLU": he_std(shape), "He for the slope 0.25": he_std(shape, a=SLOPE)}, SLOPE, "linear")
panel.set_ylim(bottom=0)
panel.set_title("30 layers of 256 units, PReLU of slope 0.25")
plt.show()

# %% [markdown]
# **Before you go on:** by what factor is the first line off after 30 layers? With which slope would Xavier's rule be
# right?
