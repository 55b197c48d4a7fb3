"""A laptop on which a library is missing or broken: one line says so, and all that does not need it works."""

import json
import re

import pytest

from tests.helpers import ROOT, python

RUN = """
import json, sys
for name in {missing!r}:
    sys.modules[name] = None
from minidelve.cli import main
for command in json.loads(sys.argv[1]):
    print("exit code", main(command), flush=True)
"""


def without(missing, commands, folder, **environment):
    """stdout and stderr of the commands in a Python that cannot import these modules."""
    done = python(
        "-c", RUN.format(missing=missing), json.dumps([[str(word) for word in command] for command in commands]),
        cwd=folder, environment={"PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    codes = re.findall(r"^exit code (\d)$", done.stdout, re.MULTILINE)
    assert codes == ["0"] * len(commands), done.stdout + done.stderr
    return done.stdout, done.stderr.splitlines()


def train(data, *more):
    return ["train", "--data", data, "--size", 28, "--epochs", 1, "--batch-size", 16, "--width", 0.25, *more]


SLOW = "note: Numba's kernels cannot serve ({}); kernels/reference computes instead: NumPy, far slower"


def test_without_numba_everything_works_and_it_is_said_once(tiny_data, tmp_path):
    commands = [
        train(tiny_data, "--out", "run"), ["evaluate", "run"],
        ["predict", "run", tiny_data / "val" / "red" / "00.png", "--out", "guess.png"],
        ["data", "pack", tiny_data, "store"], ["data", "store", "--check"], ["summary", "lab14"], ["doctor"],
    ]  # fmt: skip
    out, err = without(["numba", "llvmlite"], commands, tmp_path)
    why = "import of numba halted; None in sys.modules"
    assert [line for line in err if "umba" in line] == [SLOW.format(why)]
    assert (tmp_path / "guess.png").is_file()
    assert json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    assert re.search(r"^kernels here +reference; not without a GPU: cupy_cuda, numba_cuda$", out, re.MULTILINE)
    assert re.search(
        r"^kernels of the CPU +kernels\.reference, many times slower than numba_cpu: .*halted", out, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise ImportError('Numba needs NumPy 2.3 or less.\\nmore')", "Numba needs NumPy 2.3 or less."),
        ("raise OSError('libllvmlite.so: cannot open')", "OSError: libllvmlite.so: cannot open"),
        ("raise SystemError", "SystemError"),
    ],
    ids=["too old", "no LLVM", "no words"],
)  # fmt: skip
def test_a_broken_numba_is_one_line(tmp_path, source, why):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text(source, encoding="utf-8")
    code = "from minidelve import Tensor, prelu; print(prelu(Tensor([[-2.0]]), Tensor([0.25])).data)"
    path = f"{tmp_path}:{ROOT}"
    done = python("-c", code, cwd="/", environment={"PYTHONPATH": path})
    assert (done.stdout.strip(), done.stderr.splitlines()) == ("[[-0.5]]", [SLOW.format(why)])


def test_asked_for_by_name_numba_is_missed_loudly():
    code = "import sys; sys.modules['numba'] = None; import minidelve; minidelve.use('numba_cpu')"
    last = python("-c", code, exit_code=1).stderr.splitlines()[-1]
    assert last.startswith("ImportError: this installation cannot load kernels.numba_cpu (import of numba halted")
