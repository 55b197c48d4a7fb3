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
# # Lab 2, a warm-up: scores, probabilities, surprise
#
# A network gives a score to every class. Any numbers will do: large, small, negative. This is how they become a loss.

# %%
import matplotlib.pyplot as plt
import numpy as np

from minidelve import Tensor, cross_entropy, softmax

CLASSES = ["cat", "dog", "owl", "fox"]


def bars(panel, heights, title, color="#1f4e9c", **limits):
    """A bar for each class, with its number."""
    drawn = panel.bar(CLASSES, heights, color=color)
    panel.bar_label(drawn, fmt="%.3g", fontsize=8)
    panel.axhline(0, color="0.4", linewidth=0.8)
    panel.set(title=title, **limits)
    panel.margins(y=0.15)


def probabilities(z):
    return softmax(Tensor(np.array([z]))).data[0]


# %% [markdown]
# ## From scores to probabilities
#
# exp makes every score positive, and the division makes them add up to 1.

# %%
z = np.array([2.0, 1.0, -1.0, 0.5])
figure, panels = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
bars(panels[0], z, "scores z")
bars(panels[1], np.exp(z), "exp(z)")
bars(panels[2], probabilities(z), "softmax(z)", ylim=(0, 1))
plt.show()

# %% [markdown]
# ## What counts are differences
#
# Now 100 is added to all four scores, and then they are doubled.

# %%
figure, panels = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
for panel, (title, scores) in zip(
    panels, {"softmax(z)": z, "softmax(z + 100)": z + 100, "softmax(2 z)": 2 * z}.items(), strict=True
):
    bars(panel, probabilities(scores), title, ylim=(0, 1))
plt.show()

# %% [markdown]
# **Before you go on:** show by the formula why the first two are alike and the third is not.
#
# ## A number that is too large
#
# float32 ends at about 3.4e38. Two scores of 1000, put into the formula as it stands, and into the product:

# %%
large = np.float32([1000, 1000])
with np.errstate(over="ignore", invalid="ignore"):
    print("exp:              ", np.exp(large))
    print("the formula:      ", np.exp(large) / np.exp(large).sum())
print("minidelve.softmax:", softmax(Tensor(large[None])).data[0])

# %%
scores = np.linspace(-120, 120, 2401, dtype=np.float32)
with np.errstate(over="ignore"):
    powers = np.exp(scores)
figure, panel = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
finite = np.isfinite(powers) & (powers > 0)
panel.semilogy(scores[finite], powers[finite], color="#1f4e9c")
panel.axvspan(scores[~np.isfinite(powers)].min(), 120, color="#e8b08d", label="infinite")
panel.axvspan(-120, scores[powers == 0].max(), color="#d7e1f2", label="0")
panel.set(title="exp in float32", xlabel="z", ylabel="exp(z)")
panel.legend(loc="upper left")
plt.show()

# %% [markdown]
# **Before you go on:** one side of this picture is a disaster for the formula, the other does little harm. Which, and
# why? You may add any constant to a row of scores. Which one keeps all of them on the harmless side, and at least one
# of them well inside?
#
# ## Surprise
#
# The right class had the probability p. The loss is -ln p: nothing if it was sure of it, much if it thought it
# impossible. Who guesses among C classes pays ln C.

# %%
p = np.linspace(0.001, 1, 500)
figure, panel = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
panel.plot(p, -np.log(p), color="#1f4e9c")
for count in (2, 10, 1000):
    panel.plot(1 / count, np.log(count), "o", color="#b03a2e")
    panel.annotate(f"a guess among {count:,}: {np.log(count):.2f}", (1 / count, np.log(count)), (8, 3),
                   textcoords="offset points")  # fmt: skip
panel.set(title="The loss of one image", xlabel="p of the right class", ylabel="-ln p", ylim=(0, 7.5))
plt.show()

# %% [markdown]
# ## What moves the loss
#
# Change one score a little, both ways, and look how far the loss moves: this is dE/dz, without any formula. In the
# upper row the image is a dog. In the lower one it is an owl.


# %%
def slopes(z, target, h=1e-6):
    """dE/dz by central differences."""
    found = []
    for step in h * np.eye(len(z)):
        high, low = (
            cross_entropy(Tensor(np.array([moved])), np.array([target])).item() for moved in (z + step, z - step)
        )
        found.append((high - low) / (2 * h))
    return np.array(found)


figure, panels = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
for row, target in zip(panels, (1, 2), strict=True):
    bars(row[0], probabilities(z), "predicted", ylim=(-1.2, 1.2))
    bars(row[1], np.arange(4) == target, f"true: {CLASSES[target]}", "#3a9b8f", ylim=(-1.2, 1.2))
    bars(row[2], slopes(z, target), "dE/dz", "#b03a2e", ylim=(-1.2, 1.2))
plt.show()

# %% [markdown]
# **Before you go on:** how does the third picture of a row follow from the two others? Derive it: write ln of softmax
# out before you take the derivative. Do the bars of the third picture always add up to the same number? What would it
# mean if they did not?
#
# ## A batch
#
# The loss of a batch is the mean over its images. Here the dog comes alone, and then four times.

# %%
for count in (1, 4):
    batch = Tensor(np.array([z] * count), requires_grad=True)
    loss = cross_entropy(batch, np.array([1] * count))
    loss.backward()
    print(f"{count} images: loss {loss.item():.4f}, dE/dz of the first {batch.grad[0].round(4)}")

# %% [markdown]
# **Before you go on:** where does the factor come from? And if the loss were the sum over the images, what would
# change: the loss, its gradient, the learning rate that you need?
