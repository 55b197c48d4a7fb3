"""A network of ours rebuilt in PyTorch, layer by layer, with the same weights; its optimizer, its precision.

PyTorch is imported when it is asked for, here and for its files (interchange/weights/torch_file.py). Its precisions
beside ours (backend/precision.py):

    fp32    TF32 off in both places: for matrix products it is off anyway, for cuDNN's convolutions it is on by default
    tf32    on in both
    mixed   torch.autocast, with float16 and a GradScaler; unlike ours it keeps activations in float16 too
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from minidelve import nn
from minidelve.backend import device_of, to_device
from minidelve.errors import RunError


def load_torch(threads: int, device: str = "cpu") -> Any:
    """The module, on this number of threads and, on CUDA, at its fastest; RunError if there is none for the device."""
    try:
        import torch
    except ImportError as error:
        cure = "pip install torch, or leave it out"
        raise RunError("--against torch: PyTorch is not installed", cure=cure) from error
    torch.set_num_threads(threads)
    if device == "cuda":
        if not torch.cuda.is_available():
            cuda = torch.version.cuda
            why = f"finds no device that its CUDA {cuda} can use" if cuda else "was built without CUDA"
            raise RunError(
                f"--against torch: this PyTorch, {torch.__version__}, {why}",
                cure="install one for this machine's driver (https://pytorch.org/get-started/locally), or leave it out",
            )
        torch.backends.cudnn.benchmark = True  # try all algorithms for each shape, keep the fastest
    return torch


@contextmanager
def within_torch_memory() -> Iterator[None]:
    """RunError in one line when PyTorch finds the device's memory full."""
    try:
        yield
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError" or not type(error).__module__.startswith("torch"):
            raise
        why = str(error).partition(" GPU ")[0].rstrip(". ")  # a page of figures and advice follows
        cure = "try a smaller --batch-size or --size, or close other programs that use the device"
        raise RunError(f"PyTorch says {why!r}", cure=cure) from error


def allow_tf32(torch: Any, precision: str) -> None:
    """Let CUDA's products and convolutions round their factors to TF32, or forbid it, as `precision` says."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"


def autocast(torch: Any, device: str, precision: str) -> Any:
    """A context for forward passes: in mixed precision products in float16, otherwise nothing special."""
    return torch.autocast(device, dtype=torch.float16) if precision == "mixed" else nullcontext()


def as_torch(torch: Any, x: Any) -> Any:
    """Our array as a tensor on the same device, in the same order in memory."""
    return torch.from_numpy(to_device(x, "cpu")).to(device_of(x))


def as_numpy(x: Any) -> np.ndarray:
    """A tensor or an array of either device as a NumPy array of numbers that NumPy computes well with."""
    if hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    x = to_device(x, "cpu")
    return x.astype(np.float32) if x.dtype == np.float16 else x


def relative_difference(ours: Any, theirs: Any) -> float:
    """|ours - theirs| / |theirs|, Euclidean norms: a single unit at its kink does not decide."""
    ours, theirs = as_numpy(ours), as_numpy(theirs)
    size = np.linalg.norm(theirs)
    return float(np.linalg.norm(ours - theirs) / size) if size else float(np.linalg.norm(ours))


def pyramid(torch: Any, levels: tuple[int, ...]) -> Any:
    """Spatial pyramid pooling as PyTorch would write it; its adaptive bins are the paper's."""

    class Pyramid(torch.nn.Module):
        def forward(self, x):
            return torch.cat([torch.nn.functional.adaptive_max_pool2d(x, n).flatten(1) for n in levels], dim=1)

    return Pyramid()


# The same layer in PyTorch (t), with weights of its own.
LAYERS: dict[type[nn.Module], Callable[[Any, Any], Any]] = {
    nn.Conv2d: lambda t, conv: t.nn.Conv2d(
        conv.weight.shape[1], conv.weight.shape[0], conv.weight.shape[2:], conv.stride, conv.padding,
        bias=conv.bias is not None,
    ),
    nn.Linear: lambda t, fc: t.nn.Linear(*fc.weight.shape[::-1], bias=fc.bias is not None),
    nn.PReLU: lambda t, prelu: t.nn.PReLU(len(prelu.a)),
    nn.ReLU: lambda t, _: t.nn.ReLU(),
    nn.LeakyReLU: lambda t, lrelu: t.nn.LeakyReLU(lrelu.slope),
    nn.MaxPool2d: lambda t, pool: t.nn.MaxPool2d(pool.kernel_size, pool.stride, ceil_mode=pool.ceil_mode),
    nn.SpatialPyramidPool2d: lambda t, spp: pyramid(t, spp.levels),
    nn.Dropout: lambda t, dropout: t.nn.Dropout(dropout.p),
}  # fmt: skip


def twin_of(torch: Any, network: nn.Sequential, dtype: str = "float32") -> Any:
    """A torch.nn.Sequential of the same layers with the same weights; ValueError for a layer it does not know."""
    ours = list(network)
    if strangers := [layer for layer in ours if type(layer) not in LAYERS]:
        raise ValueError(f"twin_of: no PyTorch layer is known for {strangers[0]}; add it to the table")
    twin = torch.nn.Sequential(*(LAYERS[type(layer)](torch, layer) for layer in ours)).to(getattr(torch, dtype))
    with torch.no_grad():
        for theirs, parameter in zip(twin.parameters(), network.parameters(), strict=True):
            theirs.copy_(torch.from_numpy(np.ascontiguousarray(to_device(parameter.data, "cpu"))))
    return twin


def sgd_for(torch: Any, twin: Any, lr: float) -> Any:
    """PyTorch's SGD with the paper's constants, and no weight decay on PReLU's slopes.

    On CUDA its fused form, the fastest of three: one kernel for many parameters, which a GradScaler does not make wait.
    """
    slopes = [p for m in twin.modules() if isinstance(m, torch.nn.PReLU) for p in m.parameters()]
    rest = [p for p in twin.parameters() if not any(p is slope for slope in slopes)]
    groups = [{"params": rest, "weight_decay": 5e-4}, {"params": slopes, "weight_decay": 0.0}]
    fused = {"fused": True} if rest[0].is_cuda else {}
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, **fused)
