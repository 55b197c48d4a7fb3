"""The 14-layer network of the paper's Table 1 (model E of He & Sun, arXiv 1412.1710), and two relatives.

The paper gives kernels, channels and strides, but not the padding of the 2x2 layers; a caption of
He & Sun gives maps of mostly 36 and 18 for 224-pixel images. A 2x2 kernel cannot keep a map's size
with the same padding on all sides, so we alternate 0 and 1: the map shrinks by one and grows back
(37 36 37 36 37 after pool1, 18 17 18 17 18 17 18 after pool2). That is our choice, and so are
padding 3 and rounding down in pool1 (224 -> 112 -> 37), and the dropout: the paper states 50% for
its large networks only.

If all maps were 36 and 18, the conv layers would need 0.88e9 multiply-adds; with ours they need
869,056,512 (`minidelve summary small14`).
"""

from minidelve.models.table import FullyConnected, Pool, Pyramid, Row, conv, convs

# Table 1.       kernel  channels  stride  padding
SMALL14: list[Row] = [
    conv("conv1",     7,       64,      2, 3),
    Pool("pool1",     3,                3),
    convs("conv2",    2,      128,         (0, 1, 0, 1)),
    Pool("pool2",     2,                2),
    convs("conv3",    2,      256,         (0, 1, 0, 1, 0, 1)),
    Pyramid((6, 3, 2, 1)),
    FullyConnected("fc1", 4096, dropout=0.5, std=0.01),
    FullyConnected("fc2", 4096, dropout=0.5, std=0.01),
    FullyConnected("fc3", None, std=0.001),
]  # fmt: skip

# The 30-layer network of section 2.2, on which Xavier initialization stalls: sixteen more layers in conv3.
SMALL30: list[Row] = [
    conv("conv1",     7,       64,      2, 3),
    Pool("pool1",     3,                3),
    convs("conv2",    2,      128,         (0, 1) * 2),
    Pool("pool2",     2,                2),
    convs("conv3",    2,      256,         (0, 1) * 11),
    Pyramid((6, 3, 2, 1)),
    FullyConnected("fc1", 4096, dropout=0.5, std=0.01),
    FullyConnected("fc2", 4096, dropout=0.5, std=0.01),
    FullyConnected("fc3", None, std=0.001),
]  # fmt: skip

# The fourteen layers for images of 64 pixels, of which it sees crops of 56: half the channels, a gentler pool1,
# a smaller pyramid, fewer units.
#
# He's rule keeps E[x^2] from layer to layer, but for maxima: each pooling and the pyramid about double it. By He's rule
# throughout, fc3 would read x of |x|^2 = 5,000 and give logits of size 5: a first loss far above guessing's, ln C, and
# first steps that throw a narrow network off to NaN. Section 2.2 knows this (for inputs as large as 128) and starts
# the fully connected layers smaller. In small14 its 0.01, 0.01 and 0.001 are 0.8, 0.45 and 0.045 of He's
# deviation, and these shares are lab14's, whatever its width, levels and units.
LAB14: list[Row] = [
    conv("conv1",     7,       32,      2, 3),
    Pool("pool1",     2,                2),
    convs("conv2",    2,       64,         (0, 1, 0, 1)),
    Pool("pool2",     2,                2),
    convs("conv3",    2,      128,         (0, 1, 0, 1, 0, 1)),
    Pyramid((3, 2, 1)),
    FullyConnected("fc1", 512, dropout=0.5, share=0.8),
    FullyConnected("fc2", 512, dropout=0.5, share=0.45),
    FullyConnected("fc3", None, share=0.045),
]  # fmt: skip
