"""The libraries that a run is computed with: those whose versions are kept with it, and all that `doctor` lists."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

KEPT = ("numpy", "numba", "pillow")  # what they compute may change its last digits from version to version
LIBRARIES = (*KEPT, "llvmlite", "matplotlib", "tqdm", "threadpoolctl")


def installed_version(name: str, otherwise: str = "not installed") -> str:
    """A library's version; `otherwise` where it is missing, as Numba may be."""
    try:
        return version(name)
    except PackageNotFoundError:
        return otherwise


def versions() -> dict[str, str]:
    """What a run is computed with."""
    from minidelve import __version__

    libraries = {name: installed_version(name) for name in KEPT}
    return {"minidelve": __version__, "python": platform.python_version(), **libraries}
