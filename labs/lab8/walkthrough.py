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
# # Lab 8, a warm-up: what can be done with a run
#
# A small network is trained on pictures that are drawn by formula, and then looked at. It takes half a minute, and lies
# in `runs/first` afterwards. Any run folder of `minidelve train` would do, those of this lab's experiment too.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minidelve
from minidelve import data
from minidelve.training.config import Config
from minidelve.training.loop import train

RUN = Path("runs/first")
SETTINGS = {"width": 0.5, "fc": 128, "fc_init": "he", "size": 32, "short_side": 36, "batch_size": 32, "lr": 0.01}
if not (RUN / "last.npz").exists():
    sets = data.ToyDataset("train", train_size=2000), data.ToyDataset("val", val_size=500)
    train(Config(model="lab14", epochs=6, milestones=[5], seed=1, **SETTINGS), RUN, data_sets=sets)

# %%
run = minidelve.load(RUN)
run

# %% [markdown]
# ## How it went
#
# `run.history` has a dict for each epoch, as `metrics.csv` has a line.

# %%
run.plot_curves()

# %%
for row in run.history:
    print(f"epoch {row['epoch']}: loss {row['train_loss']:.3f}, validation error {row['val_top1_error']:.1f}%")

# %% [markdown]
# **Before you go on:** why is the training error above the validation error? (Lab 7's second question.)
#
# ## What it says to pictures that it never saw

# %%
unseen = data.ToyDataset("val", val_size=500)
pictures = [unseen.image(i) for i in range(6)]
run.predict(pictures, top=3).plot()

# %% [markdown]
# ## Where it is wrong
#
# A row for each right class, a column for each class that was said. The ten classes are a texture and a shape.

# %%
images, labels = [unseen.image(i) for i in range(400)], unseen.labels[:400]
said = run.predict_proba(images).argmax(axis=1)
table = np.zeros((10, 10))
np.add.at(table, (labels, said), 100 / (len(labels) / 10))

figure, panel = plt.subplots(figsize=(6.5, 5.2), layout="constrained")
drawn = panel.imshow(table, cmap="Greys", vmin=0, vmax=100)
names = [name.replace("_", " ") for name in run.classes]
panel.set_xticks(range(10), names, rotation=90, fontsize=8)
panel.set_yticks(range(10), names, fontsize=8)
panel.set(xlabel="said", ylabel="right")
figure.colorbar(drawn, label="% of the pictures of a class")
plt.show()

# %% [markdown]
# **Before you go on:** which does it confuse sooner, textures or shapes?
#
# ## The slopes
#
# Each PReLU began with 0.25 in all of its channels. This is what has become of them. The paper's Table 1 has such
# numbers for a network that saw a million images for weeks.

# %%
slopes = {name.removesuffix("_act.a"): p.data for name, p in run.network.named_parameters() if name.endswith("_act.a")}
figure, panel = plt.subplots(figsize=(8, 3.8), layout="constrained")
for i, a in enumerate(slopes.values()):
    panel.plot(np.full(len(a), i), a, "_", color="0.6")
    panel.plot(i, a.mean(), "ko", markersize=5)
panel.axhline(0.25, color="C0", linestyle="--", linewidth=1, label="at the start")
panel.set_xticks(range(len(slopes)), list(slopes), rotation=60)
panel.set(ylabel="slope: each channel, and the mean")
panel.legend()
plt.show()

# %% [markdown]
# **Before you go on:** in which layers did the slopes move most? What would a layer be whose slopes are all 1?
