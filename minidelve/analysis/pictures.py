"""All figures are drawn behind one door, which no setting of the user's passes and no failure leaves.

    content = picture("curves.png", lambda: figure)     the file's bytes, or None where it cannot be drawn
    axes.set_title(legible(name, number))               a text from outside, such as a class's or a file's name

A figure is made after the results are written, and work does not fail for want of one: Matplotlib may be absent or
broken, or have no place to write. One line says so then.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from minidelve.errors import UserError, one_line, shortened
from minidelve.progress import note_once

FONT = "DejaVu Sans"  # Matplotlib brings it along
NOT_OURS = ("backend",)  # figures are drawn without one; a user's program may have chosen it


def picture(what: str, draw: Callable[[], Any], form: str = "png", dpi: int = 120) -> bytes | None:
    """The file of the Figure that draw() makes, a png, pdf or svg.

    None where it cannot be drawn, which is said once. A UserError of draw's is raised.
    """
    try:
        with our_settings():
            file = io.BytesIO()
            draw().savefig(file, format=form, dpi=dpi)
            return file.getvalue()
    except UserError:
        raise
    except ImportError as error:
        note_once(f"minidelve: {what} is not drawn ({one_line(str(error))}); pip install matplotlib again")
    except Exception as error:
        reason = f"{type(error).__name__}: {one_line(str(error))}"
        note_once(f"minidelve: {what} cannot be drawn ({reason}); all else is done")
    return None


@contextmanager
def our_settings() -> Iterator[None]:
    """Matplotlib as it comes out of the box, and silent: its defaults, whatever the user's matplotlibrc says."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matplotlib = loaded()
            defaults = {name: value for name, value in matplotlib.rcParamsDefault.items() if name not in NOT_OURS}
            with matplotlib.rc_context(defaults):
                yield
    finally:
        log.setLevel(level)


def loaded() -> Any:
    """Matplotlib. Variables that would stop it from being imported are out of sight meanwhile."""
    hidden = {name: os.environ.pop(name) for name in ("MPLBACKEND", "MATPLOTLIBRC") if name in os.environ}
    try:
        import matplotlib  # late: drawing is the only reason to load it
    finally:
        os.environ.update(hidden)
    return matplotlib


def legible(*texts: str, most: int = 200) -> str:
    """The first of the texts that the font can show, in at most `most` characters; no "$" in it begins a formula.

    Where it can show none, the last one, with codes such as \\u732b for what it lacks.
    """
    glyphs = known_glyphs()
    shown = next((text for text in texts if text.strip() and glyphs.issuperset(map(ord, text))), None)
    if shown is None:
        shown = "".join(c if ord(c) in glyphs else c.encode("unicode_escape").decode() for c in texts[-1])
    return shortened(shown, most).replace("$", r"\$")


@lru_cache(1)
def known_glyphs() -> frozenset[int]:
    """The code points that the font has."""
    from matplotlib import font_manager

    path = font_manager.findfont(FONT)
    return frozenset(font_manager.get_font(path).get_charmap())
