"""What a lab is made of: tasks, each a blank of the source and how it is tried; and the mistakes that are known.

A task says how its blank is tried, and never what is right: this file and labs/labN/lab.py are also read by the process
in which a student's code runs. The right answer is what the product gives. A mistake is a wrong body, put in the place
of the product's for a while (replacing.py): it is recognised by what it gives, not by how it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Inputs = dict[str, Any]  # arrays, and numbers, texts, tuples of them or None
FIRST = ""  # in place of a blank: the first of the task
Draw = Callable[[np.random.Generator, Any], dict[str, Inputs]]


@dataclass(frozen=True)
class Task:
    """One thing to write.

    name     how a student knows it, such as "prelu_backward"
    blanks   the functions to write: "kernels/reference/prelu.py:prelu_backward", "file:Class.method"
    points   of the lab's
    draw     (rng, dtype) -> inputs by the name of the case, the simplest first; dtype is that of their floats
    call     (**inputs) -> outputs by name, each an array or a number. It imports what it calls itself
    needs    names of tasks of this lab on which its result depends
    earlier  the lab before this one whose functions it calls, where it has no blanks of its own
    large    (rng) -> inputs so large that a loop over numbers in Python is noticed; None where there is no such loop
    """

    name: str
    blanks: tuple[str, ...]
    points: int
    draw: Draw
    call: Callable[..., dict[str, Any]]
    needs: tuple[str, ...] = ()
    large: Callable[[np.random.Generator], Inputs] | None = None
    earlier: int | None = None

    @property
    def file(self) -> str:
        """Where the first blank is, from the root of the source; "" where there is none."""
        return self.blanks[0].partition(":")[0] if self.blanks else ""


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is known.

    id         such as "pb-mean"
    task       the name of its task
    kind       the second hint: what kind of mistake it is
    sentence   the third hint
    bodies     the wrong functions, by the blank whose place they take
    """

    id: str
    task: str
    kind: str
    sentence: str
    bodies: dict[str, Callable[..., Any]]


@dataclass
class Mistakes:
    """The known mistakes of a lab, each declared by a decorator over its wrong body.

    mistakes = Mistakes()

    @mistakes.of("prelu_backward", "pb-mean", A_MEAN, "(2) is a sum. ...")
    def _(df, y, a, out=None): ...

    `blank` names the function whose place the body takes, "file:function", where it is not the task's first.
    """

    known: list[Mistake] = field(default_factory=list)

    def of(self, task: str, id: str, kind: str, sentence: str, blank: str = FIRST) -> Callable[[Any], Any]:
        """Declare the decorated function a mistake."""

        def declare(body: Callable[..., Any]) -> Callable[..., Any]:
            self.known.append(Mistake(id, task, kind, sentence, {blank: body}))
            return body

        return declare
