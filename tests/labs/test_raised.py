"""What beginners' errors are told as: what happened, in which line of the student's, and the cure."""

import pytest

from minidelve.labs import course
from minidelve.labs.blanks import original
from minidelve.labs.judging.judge import Judge
from minidelve.labs.judging.replacing import replaced
from minidelve.labs.trial.calling import observe
from minidelve.labs.trial.raised import ANY, KNOWN, READ_THE_LINE, READ_THE_RESULT, as_told, explained
from tests.labs.students import KERNEL, OP


@pytest.fixture(scope="module")
def judge():
    return Judge(course.lab(3), [1])


def finding(judge, task_name, file, function, *changes):
    """What is said of a function of the product's, after these changes of its text."""
    text = original(file)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    names = {"__name__": "student"}
    exec(compile(text, f"/students/{file}", "exec"), names)
    holder = names
    *classes, name = function.split(".")
    for each in classes:
        holder = vars(holder[each])
    (task,) = (task for task in judge.lab.tasks if task.name == task_name)
    with replaced({f"{file}:{function}": holder[name]}):
        got = {case: observe(task, inputs, [KERNEL, OP]) for case, inputs in judge.cases[task.name].items()}
    return judge.verdict(task, got).findings[0]


def line_of(file: str, words: str) -> int:
    return next(i for i, line in enumerate(original(file).split("\n"), start=1) if words in line)


BACKWARD, FORWARD = "prelu_backward", "prelu_forward"
DEF, RETURN = line_of(KERNEL, f"def {BACKWARD}"), line_of(KERNEL, "return into(out, dy), da")
CASES = {
    "no import of NumPy": (
        (BACKWARD, KERNEL, BACKWARD, ("import numpy as np", "import math")),
        ("NameError: name 'np' is not defined", f"{KERNEL}:{line_of(KERNEL, 'dy = df')}"),
        "a module is not imported", "`import numpy as np` at the top",
    ),
    "a name that is not there": (
        (BACKWARD, KERNEL, BACKWARD, ("into(out, dy), da", "into(out, dy), dA")),
        ("NameError: name 'dA' is not defined", f"{KERNEL}:{RETURN}"),
        "a name is used that this file does not have", "Is dA spelled as where it is made",
    ),
    "a name before its value": (
        (BACKWARD, KERNEL, BACKWARD, ("    dy = df", "    da = da\n    dy = df")),
        ("UnboundLocalError", f"{KERNEL}:{line_of(KERNEL, 'dy = df')}"),
        "a variable is read before it has a value", "has a variable da of its own",
    ),
    "no return, and a pair is taken": (
        (BACKWARD, KERNEL, BACKWARD, ("return into(out, dy), da", "into(out, dy), da")),
        ("TypeError: prelu_backward returned None", f"{KERNEL}:{DEF}"),
        "a return is missing", "end prelu_backward with a return",
    ),
    "no return, and an array is taken": (
        (FORWARD, KERNEL, FORWARD, ("return into(out, np", "into(out, np")),
        ("TypeError: prelu_forward returned None", f"{KERNEL}:{line_of(KERNEL, 'def prelu_forward')}"),
        "a return is missing", "end prelu_forward with a return",
    ),
    "three results of two": (
        (BACKWARD, KERNEL, BACKWARD, ("into(out, dy), da", "into(out, dy), da, a")),
        ("prelu_backward returned a tuple of 3, where the pair (dy, da) is taken", f"{KERNEL}:{DEF}"),
        "another number of results is returned", "is to return the pair (dy, da), in one tuple",
    ),
    "one result of two": (
        (BACKWARD, KERNEL, BACKWARD, ("return into(out, dy), da", "return into(out, dy), ")),
        ("prelu_backward returned a tuple of 1, where the pair (dy, da) is taken", f"{KERNEL}:{DEF}"),
        "another number of results is returned", "is to return the pair (dy, da), in one tuple",
    ),
    "no self": (
        ("PReLU on maps", OP, "PReLU.forward", ("self.save(y, a)", "save(y, a)")),
        ("NameError: name 'save' is not defined (self.save is there)", f"{OP}:{line_of(OP, 'self.save(')}"),
        "an attribute is used without self", "write self.save",
    ),
    "an attribute that is not there": (
        ("PReLU on maps", OP, "PReLU.backward", ("self.saved", "self.kept")),
        ("AttributeError: 'PReLU' object has no attribute 'kept'", OP),
        "an attribute is read that nobody has set", "(self.kept = ...)",
    ),
    "shapes that do not fit": (
        (BACKWARD, KERNEL, BACKWARD, ("df * np.where", "df[:, :, None] * np.ones((7, 1, 5)) * np.where")),
        ("ValueError: operands could not be broadcast", KERNEL),
        "two shapes do not fit", "lined up at the right",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_error_is_told_with_its_line_and_its_cure(judge, case):
    change, where, kind, cure = CASES[case]
    found = finding(judge, *change)
    assert all(words in found.where for words in where), found
    assert found.kind == kind and cure in found.sentence, found


def test_a_pair_where_an_array_is_used_is_told():
    names = {}
    exec(compile("def f(x):\n    return x, x", f"/students/{KERNEL}", "exec"), names)
    try:
        names["f"](1).shape  # noqa: B018
    except AttributeError as error:
        said, line = as_told(error, lambda: names["f"](1), [OP, KERNEL], "")
    assert (said, line) == ("AttributeError: f returned a tuple of 2, expected an array of numbers", f"{KERNEL}:1")
    assert explained(said, line)[0] == "what is returned is no array of numbers"


def test_every_other_error_is_told_by_its_line():
    assert explained("ValueError: f returned a tuple of 3, where 2 results are taken", "")[1].startswith(
        "f is to return 2 re"
    )
    assert explained("ZeroDivisionError: division by zero", "prelu.py:13") == (ANY, READ_THE_LINE)
    assert explained("ZeroDivisionError: division by zero", "") == (ANY, READ_THE_RESULT)


@pytest.mark.parametrize("error", [
    "TypeError: unsupported operand type(s) for *: 'NoneType' and 'float'", "ValueError: too many values to unpack",
    "ValueError: matmul: Input operand 1 has a mismatch in its core dimension 0", "IndexError: index 3 is out of",
    "RecursionError: maximum recursion depth exceeded", "ModuleNotFoundError: torch is not for the labs",
])  # fmt: skip
def test_common_errors_have_hints_of_their_own(error):
    kind, sentence = explained(error, "prelu.py:13")
    assert kind != ANY and len(sentence) < 120


def test_no_two_errors_share_a_hint():
    assert len({sentence for _, _, sentence in KNOWN}) == len(KNOWN)
