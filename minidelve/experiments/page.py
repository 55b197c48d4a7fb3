"""The Markdown pages: one for each item, and an index of all."""

from __future__ import annotations

from collections.abc import Sequence

from minidelve.experiments.claims import Table, Verdict
from minidelve.experiments.item import Item

REPEAT = "## To repeat it"
INTERVALS = (
    " A mean over the seeds is followed by ± half its 95% interval (Student's t), or by the standard deviation (sd) of "
    "single runs."
)


def page(item: Item, numbers: Table, verdict: Verdict, facts: Sequence[tuple[str, str]]) -> str:
    """An item's page.md."""
    table = markdown(numbers)
    spread = any(mark in verdict.sentence + table for mark in ("±", "(sd "))
    paragraphs = [
        f"# {item.name}: {item.title}",
        f"**In the paper.** {item.where}",
        f"**What the paper did.** {item.paper}",
        f"**What we ran.** {item.ours}",
        f"**The trend {verdict.word}.** {verdict.sentence}",
        f"![{item.title}](figure.png)",
        "Every number is in [results.csv](results.csv)." + (INTERVALS if spread else ""),
        table,
        REPEAT,
        "\n".join(f"- {name}: {value}" for name, value in facts),
    ]
    return "\n\n".join(paragraphs) + "\n"


def index(lines: Sequence[tuple[Item, Verdict, str]]) -> str:
    """index.md: (item, verdict, time) of all."""
    table = (
        ("item", "in the paper", "what", "trend", "in short", "time"),
        [
            (f"[{item.name}]({item.name}/page.md)", item.where, item.title, verdict.word, verdict.sentence, time)
            for item, verdict, time in lines
        ],
    )
    return "# The paper's tables and figures, run again\n\n" + markdown(table) + "\n"


def markdown(table: Table) -> str:
    """A Markdown table; a bar inside a cell is escaped.

    >>> print(markdown((["a", "|b|"], [["1", "2"]])))
    | a | \\|b\\| |
    |---|---|
    | 1 | 2 |
    """
    header, lines = table
    rows = [[cell.replace("|", "\\|") for cell in row] for row in (header, *lines)]
    text = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([text[0], "|" + "---|" * len(header), *text[1:]])
