"""One look for all figures, readable when printed in gray.

Lines differ in dash and marker, and their colours in brightness, so that they still differ in gray. Every figure says
what it shows (title), in which units (axis labels) and which line is which (legend).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidelve.experiments.statistics import Estimate

# (colour, dashes, marker): from dark to light, so that gray keeps them apart.
LINES = (
    ("#000000", "-", "o"), ("#1f4e9c", "--", "s"), ("#b03a2e", "-.", "^"), ("#3a9b8f", ":", "D"),
    ("#d98f2b", (0, (5, 1, 1, 1, 1, 1)), "v"), ("#9a9a9a", "-", "x"),
)  # fmt: skip
PAPER = LINES[2][0]  # of a cross that is a number of the paper
PREDICTION = {"color": "0.55", "linewidth": 3.5, "alpha": 0.55, "zorder": 1}  # a broad pale band that lines lie upon
LEVEL = {"color": "0.4", "linestyle": ":", "linewidth": 1.2}  # a moment or a height that is marked
WIDTH, HEIGHT = 5.0, 3.9  # of a panel, in inches
SIZES: Any = {"font.size": 10, "axes.titlesize": 11, "legend.fontsize": 8.5}


def panels(title: str, rows: int = 1, columns: int = 1, height: float = HEIGHT) -> tuple[Any, list[Any]]:
    """A Figure of rows x columns panels, each with a grid, and its Axes from left to right and top to bottom."""
    import matplotlib  # late: drawing is the only reason to load it
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SIZES):
        figure = Figure(figsize=(WIDTH * columns, height * rows + 0.4), layout="constrained")
        figure.suptitle(title, parse_math=False, fontsize=12)
        axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in axes:
        panel.grid(color="0.9")
        panel.set_axisbelow(True)
    return figure, axes


def line(i: int, every: int | tuple[int, int] = 1) -> dict[str, Any]:
    """The look of the i-th line of a panel, with a marker at every `every`-th point (or from, every)."""
    colour, dashes, marker = LINES[i % len(LINES)]
    return {
        "color": colour, "linestyle": dashes, "marker": marker, "markersize": 4.5, "markevery": every,
        "linewidth": 1.4, "zorder": 3,
    }  # fmt: skip


def draw_estimates(panel: Any, places: Sequence[float], found: Sequence[Estimate], label: str, **look: Any) -> None:
    """Means with their 95% intervals, from left to right."""
    panel.errorbar(places, [e.mean for e in found], [e.bar for e in found], label=label, **{"capsize": 3} | look)


def name_lines(panel: Any, names: Sequence[str]) -> None:
    """Name the lines of a panel that reads from top to bottom."""
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.5)


def legend(*panels: Any) -> None:
    """What each mark of a panel is, inside of it; nothing if it has none."""
    for panel in panels:
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="best")


def legend_below(figure: Any, panel: Any, columns: int = 4) -> None:
    """What each mark of a panel is, once, below the figure."""
    handles, labels = panel.get_legend_handles_labels()
    marks = dict(zip(labels, handles, strict=True))
    figure.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=columns)
