"""The large networks of the paper's Table 3: A, B and C, and VGG-19, with which the paper compares them.

The sides of the maps, for an image of 224 pixels, stand at the right. A differs from VGG-19 in three
ways: one 7x7 layer of stride 2 for its first two, the layers saved on 224- and 112-pixel maps
added on the smaller ones, and a pyramid before fc1. B is A with a sixth layer in each stage, C is
B with more channels. 3x3 layers have padding 1 and keep the map's size; so would the 7x7 one with its
padding 3, were it not for the stride (the paper gives the sizes of the maps, not the padding).

VGG-19 has a fifth 2x2 pooling of stride 2 and no pyramid: fc1 reads a 7x7 map. `Pyramid((7,))`
is just that for images of 224 pixels: 7 bins over a map of 14 are 2 wide and do not overlap, and the
vector's order is that of the flattened map. For other sizes its bins grow or shrink, so that VGG-19
too takes any image.

The fully connected layers start with the fixed standard deviations 0.01, 0.01 and 0.001 (section
2.2), and fc1 and fc2 have 50% dropout (section 3).
"""

from minidelve.models.table import FullyConnected, Pool, Pyramid, Row, conv, convs

SAME = 1  # the padding with which a 3x3 layer keeps the map's size

FC: list[Row] = [
    FullyConnected("fc1", 4096, dropout=0.5, std=0.01),
    FullyConnected("fc2", 4096, dropout=0.5, std=0.01),
    FullyConnected("fc3", None, std=0.001),
]

# Table 3.       kernel  channels  stride  padding
VGG19: list[Row] = [
    convs("conv1",    3,       64,         (SAME,) * 2),  # 224
    Pool("pool1",     2,                2),               # 112
    convs("conv2",    3,      128,         (SAME,) * 2),
    Pool("pool2",     2,                2),               # 56
    convs("conv3",    3,      256,         (SAME,) * 4),
    Pool("pool3",     2,                2),               # 28
    convs("conv4",    3,      512,         (SAME,) * 4),
    Pool("pool4",     2,                2),               # 14
    convs("conv5",    3,      512,         (SAME,) * 4),
    Pyramid((7,)),                                        # 7: the fifth pooling
    *FC,
]  # fmt: skip

MODEL_A: list[Row] = [
    conv("conv1",     7,       96,      2, 3),            # 112
    Pool("pool1",     2,                2),               # 56
    convs("conv2",    3,      256,         (SAME,) * 5),
    Pool("pool2",     2,                2),               # 28
    convs("conv3",    3,      512,         (SAME,) * 5),
    Pool("pool3",     2,                2),               # 14
    convs("conv4",    3,      512,         (SAME,) * 5),
    Pyramid((7, 3, 2, 1)),
    *FC,
]  # fmt: skip

MODEL_B: list[Row] = [
    conv("conv1",     7,       96,      2, 3),            # 112
    Pool("pool1",     2,                2),               # 56
    convs("conv2",    3,      256,         (SAME,) * 6),
    Pool("pool2",     2,                2),               # 28
    convs("conv3",    3,      512,         (SAME,) * 6),
    Pool("pool3",     2,                2),               # 14
    convs("conv4",    3,      512,         (SAME,) * 6),
    Pyramid((7, 3, 2, 1)),
    *FC,
]  # fmt: skip

MODEL_C: list[Row] = [
    conv("conv1",     7,       96,      2, 3),            # 112
    Pool("pool1",     2,                2),               # 56
    convs("conv2",    3,      384,         (SAME,) * 6),
    Pool("pool2",     2,                2),               # 28
    convs("conv3",    3,      768,         (SAME,) * 6),
    Pool("pool3",     2,                2),               # 14
    convs("conv4",    3,      896,         (SAME,) * 6),
    Pyramid((7, 3, 2, 1)),
    *FC,
]  # fmt: skip
