"""The Figure that everything is drawn on: Matplotlib's, which a notebook shows whether pyplot is in use there or not.

Importing this file loads Matplotlib, so whoever draws imports it late (pictures.py).
"""

from __future__ import annotations

import io

from matplotlib.figure import Figure as MatplotlibFigure

from minidelve.analysis.pictures import our_settings


class Figure(MatplotlibFigure):
    """A Figure without a window."""

    def _repr_png_(self) -> bytes:
        with our_settings():
            file = io.BytesIO()
            self.savefig(file, format="png", dpi=80)
            return file.getvalue()
