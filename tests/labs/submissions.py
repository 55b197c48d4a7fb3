"""Invented submissions of labs 3 and 4: right in several styles, wrong with known mistakes, unfinished, and hostile.

    made = all_of(3, folder)          writes lab3-NAME.zip for each; what is expected of each, by name

A hostile one does its harm in one function (or at the top of a file), and would be right otherwise.
"""

import inspect
import io
import runpy
import textwrap
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from minidelve.disk.records import sealed
from minidelve.labs.blanks import body_of, found, handed_out, original
from minidelve.labs.course import Lab, lab
from tests.helpers import ROOT

FUTURE = "from __future__ import annotations\n"
ALL = None  # the lab's points
Change = tuple[str, str, str]  # of which function, what, into what


@dataclass(frozen=True)
class Made:
    """What is expected of a submission. ended: what that column holds, among others."""

    name: str
    points: float | None
    mistakes: tuple[str, ...] = ()
    ended: str = ""
    content: bytes = field(repr=False, default=b"")


def all_of(number: int, folder: Path, port: int = 9) -> dict[str, Made]:
    """Thirty submissions of a lab in a folder, that nobody need open. port: which one of them calls."""
    made = [*good_of(number), *wrong_of(number), *hostile_of(number, port), *zips_of(number)]
    for each in made:
        (folder / f"lab{number}-{each.name}.zip").write_bytes(each.content)
    return {each.name: each for each in made}


# -- zips ---------------------------------------------------------------------------------------------


def zip_of(number: int, name: str, files: dict[str, str], more: Iterable[tuple[object, bytes]] = ()) -> bytes:
    """The bytes of a submission."""
    record = sealed({"labs": {str(number): {"version": "1", "variant": None}}})
    whole = {f"lab{number}/answers.md": f"# Lab\n\nName: {name}\n", ".course/record.json": record, **files}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, text in whole.items():
            archive.writestr(place, text)
        for place, inside in more:
            archive.writestr(place, inside)
    return content.getvalue()


def filled(of: Lab, bodies: dict[str, str] | None = None, changes: Iterable[Change] = ()) -> dict[str, str]:
    """The files of a lab: skeletons with the product's bodies, some of them others, some of them changed."""
    bodies, files = bodies or {}, {}
    for file, names in of.blanks.items():
        text = handed_out(of, file)
        for name in names:
            body = bodies.get(name, body_text(original(file), name))
            for function, old, new in changes:
                if function == name:
                    assert old in body, f"{name} has no {old!r} any more"
                    body = body.replace(old, new)
            text = with_body(text, name, body)
        if "\nimport numpy as np" not in text:
            text = text.replace(FUTURE, f"{FUTURE}\nimport numpy as np\n", 1)
        files[file] = text
    return files


def body_text(text: str, name: str) -> str:
    """The body of a function, without its indentation."""
    start, end, _ = body_of(found(text, name, name), text, name)
    return textwrap.dedent("\n".join(text.split("\n")[start:end]))


def with_body(text: str, name: str, body: str) -> str:
    """The text with another body of a function."""
    lines = text.split("\n")
    start, end, indent = body_of(found(text, name, name), text, name)
    lines[start:end] = textwrap.indent(body, indent).split("\n")
    return "\n".join(lines)


def body_of_function(function: Callable) -> str:
    """The body of a function of a style."""
    return body_text(textwrap.dedent(inspect.getsource(function)), function.__name__)


# -- people who mean well -------------------------------------------------------------------------------

STYLES = {  # by lab: people, and the functions of tests/labs/styles/ that they write
    3: {
        "ada": {"prelu_forward": "forward_of_two_halves", "prelu_backward": "backward_of_masks"},
        "ben": {"prelu_forward": "forward_channel_by_channel", "prelu_backward": "backward_channel_by_channel"},
        "cleo": {"prelu_forward": "forward_by_mask", "prelu_backward": "backward_with_einsum"},
        "dora": {"PReLU.forward": "rows_for_the_kernel", "PReLU.backward": "rows_back"},
    },
    4: {
        "ada": {"im2col": "im2col_tap_by_tap", "Conv2d.gradients": "gradients_image_by_image"},
        "ben": {"im2col": "im2col_by_strides", "col2im": "col2im_with_add_at"},
        "cleo": {"im2col": "im2col_by_index", "Conv2d.respond": "respond_with_at"},
        "dora": {"col2im": "col2im_with_bincount", "Conv2d.gradients": "gradients_with_tensordot"},
    },
}
SUM, CROP = ".sum(axis=0)", "framed[:, ph : ph + H, pw : pw + W]"
DA = "(df * np.where(y > 0, np.zeros_like(y), y))"
Wrong = tuple[float, tuple[str, ...], list[Change]]  # points, mistakes, what is changed in the right bodies
WRONG: dict[int, dict[str, Wrong]] = {
    3: {
        "emil": (2, ("pb-mean",), [("prelu_backward", SUM, ".mean(axis=0)")]),
        "fred": (2, ("pb-nodf",), [("prelu_backward", DA, "np.where(y > 0, np.zeros_like(y), y)")]),
        "gina": (4, ("pf-relu",), [("prelu_forward", "np.where(y > 0, y, a * y)", "np.maximum(y, 0)")]),
        "hugo": (8, ("ps-channel",), [("PReLU.backward", "unbroadcast(da, a.shape)", "da")]),
        "ines": (0, ("pf-relu", "pb-mean"), [("prelu_forward", "np.where(y > 0, y, a * y)", "np.maximum(y, 0)"),
                                             ("prelu_backward", SUM, ".mean(axis=0)")]),
        "jack": (2, ("prelu_backward?",), [("prelu_backward", "(df *", "(df**3 *")]),
        "kate": (0, (), []),
    },
    4: {
        "emil": (4, ("ci-assign",), [("col2im", "+=", "=")]),
        "fred": (4, ("ci-cropend",), [("col2im", CROP, "framed[:, :H, :W]")]),
        "gina": (7, ("cg-dbmean",), [("Conv2d.gradients", "self.sums(matrix(dy))", "matrix(dy).mean(axis=0)")]),
        "hugo": (7, ("cg-dWN",), [("Conv2d.gradients", "matrix(cols))", "matrix(cols)) / len(dy)")]),
        "ines": (4, ("ci-cropend", "cg-dbmean"), [
            ("col2im", CROP, "framed[:, :H, :W]"),
            ("Conv2d.gradients", "self.sums(matrix(dy))", "matrix(dy).mean(axis=0)"),
        ]),
        "jack": (7, ("Conv2d.gradients?",), [("Conv2d.gradients", "matrix(cols))", "matrix(cols) ** 3)")]),
        "kate": (0, (), []),
    },
}  # fmt: skip


def good_of(number: int) -> list[Made]:
    """Right answers."""
    of, styles = lab(number), runpy.run_path(str(ROOT / f"tests/labs/styles/lab{number}.py"))
    made = []
    for name, chosen in STYLES[number].items():
        bodies = {function: body_of_function(styles[style]) for function, style in chosen.items()}
        made.append(Made(name, ALL, content=zip_of(number, name, filled(of, bodies))))
    return made


def wrong_of(number: int) -> list[Made]:
    """Wrong ones; of kate what was handed out, of lena a file that is no Python, of mona one file too few."""
    of, made = lab(number), []
    for name, (points, mistakes, changes) in WRONG[number].items():
        files = filled(of, changes=changes) if changes else {file: handed_out(of, file) for file in of.blanks}
        made.append(Made(name, points, mistakes, content=zip_of(number, name, files)))
    broken, lacking = filled(of), filled(of)
    last = list(of.blanks)[-1]
    broken[last] += "\ndef (:\n"
    del lacking[last]
    rest = sum(task.points for task in of.tasks if task.file != last)
    made.append(Made("lena", rest, content=zip_of(number, "lena", broken)))
    made.append(Made("mona", rest, content=zip_of(number, "mona", lacking)))
    return made


# -- hostile ones ---------------------------------------------------------------------------------------

BAD_AT = {3: ("prelu_backward", 2), 4: ("col2im", 4)}  # by lab: where the harm is done, and the points of the rest
RAISES = "raises"
LOST, LATE = 0, 1  # at the top of the file: nothing is left; in the function: the rest is
HARM: dict[str, tuple[int, str, str]] = {  # name: where, how it ends (RAISES: by an error), what it does
    "loops": (LATE, "time", "while True:\n    pass"),
    "sleeps": (LATE, "time", "import time\ntime.sleep(3600)"),
    "exits": (LATE, "no answer", "import sys\nsys.exit()"),
    "exits-at-once": (LATE, "no answer", "import os\nos._exit(0)"),
    "segfaults": (LATE, "SIGSEGV", "import ctypes\nctypes.string_at(0)"),
    "fills-memory": (LATE, RAISES, "held = [bytes([1]) * 2**26 for _ in range(10**6)]"),
    "fills-the-disk": (
        LATE,
        RAISES,
        """\
import os, tempfile
with open(os.path.join(tempfile.gettempdir(), "full"), "wb") as full:
    while True:
        full.write(bytes(2**20))""",
    ),
    "forks": (LATE, RAISES, "import os\nwhile True:\n    os.fork()"),
    "prints": (LATE, "time", "while True:\n    print('x' * 10**6)"),
    "takes-torch": (LOST, "not loaded", "import torch"),
    "takes-numba": (LOST, "not loaded", "import numba"),
}
CONTAINED: dict[str, tuple[bool, str]] = {  # name: whether it is right where it is kept from harm, what it does
    "writes-to-the-grader": (
        True,
        """\
import contextlib, os, pathlib, sys
for place in [*sys.path, *os.environ.get("PYTHONPATH", "").split(os.pathsep), HOUSE]:
    with contextlib.suppress(OSError):
        pathlib.Path(place, "minidelve", "labs", "was_here.py").write_text("")""",
    ),
    "calls-home": (
        True,
        """\
import contextlib, socket
with contextlib.suppress(OSError):
    socket.create_connection(("127.0.0.1", PORT), 2).sendall(b"here I am")""",
    ),
    "loads-the-original": (
        False,
        """\
import importlib.util, os, sys
for place in [HOUSE, *sys.path]:
    if os.path.exists(os.path.join(place, FILE)):
        spec = importlib.util.spec_from_file_location("original", os.path.join(place, FILE))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, NAME)(*ARGUMENTS)
raise FileNotFoundError""",
    ),
}


def hostile_of(number: int, port: int) -> list[Made]:
    """Those that would harm the grader, or the others."""
    of, (name, rest) = lab(number), BAD_AT[number]
    file = next(file for file, names in of.blanks.items() if name in names)
    right = body_text(original(file), name)
    made = []
    for who, (where, ended, harm) in HARM.items():
        files = filled(of, {name: f"{harm}\n{right}"} if where == LATE else {})
        if where == LOST:
            files[file] = files[file].replace("import numpy as np\n", f"import numpy as np\n{harm}\n", 1)
        mistakes, ended = ((f"{name}?",), "") if ended == RAISES else ((), ended)
        points = rest if where == LATE else 0
        made.append(Made(who, points, mistakes, ended, zip_of(number, who, files)))
    arguments = ast_arguments(original(file), name)
    for who, (is_right, harm) in CONTAINED.items():
        for word, value in {
            "HOUSE": repr(str(ROOT)),
            "PORT": str(port),
            "FILE": repr(file),
            "NAME": repr(name),
        }.items():
            harm = harm.replace(word, value)
        body = harm.replace("*ARGUMENTS", arguments) + (f"\n{right}" if is_right else "")
        content = zip_of(number, who, filled(of, {name: body}))
        made.append(Made(who, ALL if is_right else rest, content=content))
    return made


def ast_arguments(text: str, name: str) -> str:
    """The names of a function's arguments."""
    return ", ".join(each.arg for each in found(text, name, name).args.args)


def zips_of(number: int) -> list[Made]:
    """Zips that harm whoever unpacks them."""
    files = filled(lab(number))
    link = zipfile.ZipInfo("kernels/link.py")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    bomb = [(f"lab{number}/zeros{i}", bytes(2**24)) for i in range(8)]
    more = {"slips": [("../../was_here.py", b"")], "explodes": bomb, "links": [(link, b"/etc/passwd")]}
    return [Made(who, 0, ended="not read", content=zip_of(number, who, files, inside)) for who, inside in more.items()]
