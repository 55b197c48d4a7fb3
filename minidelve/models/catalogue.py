"""The paper's networks by name, each as its table."""

from collections.abc import Sequence

from minidelve.models.large import MODEL_A, MODEL_B, MODEL_C, VGG19
from minidelve.models.small14 import LAB14, SMALL14, SMALL30
from minidelve.models.table import Row

TABLES: dict[str, Sequence[Row]] = {
    "small14": SMALL14, "lab14": LAB14, "small30": SMALL30,
    "model_a": MODEL_A, "model_b": MODEL_B, "model_c": MODEL_C, "vgg19": VGG19,
}  # fmt: skip


def usual_size(name: str) -> int:
    """The side of the crops that a network of this name is meant for.

    >>> usual_size("lab14"), usual_size("vgg19")
    (56, 224)
    """
    return 56 if name == "lab14" else 224
