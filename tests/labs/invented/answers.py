"""Answers to a lab's tasks: what they are, and whether they are right."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """An answer to a task: the functions that take the place of these blanks."""

    task: str
    what: str
    bodies: dict[str, Callable[..., Any]]


@dataclass
class Answers:
    """The answers of a lab, each declared by a decorator over its function.

    answers = Answers()

    @answers.wrong("prelu_backward", "a mean for the sum", "kernels/reference/prelu.py:prelu_backward")
    def _(df, y, a, out=None): ...
    """

    wrongs: list[Answer] = field(default_factory=list)
    rights: list[Answer] = field(default_factory=list)

    def wrong(self, task: str, what: str, blank: str) -> Callable[[Any], Any]:
        return self._declare(self.wrongs, task, what, blank)

    def right(self, task: str, what: str, blank: str) -> Callable[[Any], Any]:
        return self._declare(self.rights, task, what, blank)

    def _declare(self, into: list[Answer], task: str, what: str, blank: str) -> Callable[[Any], Any]:
        def declare(body: Callable[..., Any]) -> Callable[..., Any]:
            into.append(Answer(task, what, {blank: body}))
            return body

        return declare
