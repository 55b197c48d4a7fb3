"""A reader who breaks the source sees it break: `minidelve check-grad`, as docs/reading_order.md says.

Every operator of every op and of every reference kernel is turned around, one at a time: + for -, * for /, > for <=.
The default run takes one of each file, `-m slow` all of them.
"""

import re
from collections.abc import Callable

import pytest

from minidelve.cli import main
from minidelve.testing.paths import run_paths
from tests.helpers import ROOT
from tests.testing.breaking import Break, breaks, broken

# What ops call: no op's own file, so check-grad does not name it.
CALLED = {"minidelve/ops/conv/winograd_matrices.py": {"conv2d"}, "minidelve/ops/broadcasting.py": {"add", "subtract"}}
# What changes no number that is computed in float64: how large the room for intermediate results is, which of two ways
# is taken, what is refused, how float32 is rounded, what keeps exp from overflowing, a maximum over nothing but -inf.
HARMLESS = {
    "minidelve/ops/broadcasting.py": r"np.ndim\(x\) == 0",
    "minidelve/ops/elementwise.py": r"p >= 0|df \* array_module\(x\).sign\(x\)",
    "minidelve/ops/reductions.py": r"x.data != first|x.dtype.itemsize == 8",
    "minidelve/ops/shaping.py": r"len\(axes\) == 1|len\(set\(order\)\) == 2 < x.ndim",
    "minidelve/ops/concat.py": r"len\({x.dtype for x in xs}\) == 1",
    "minidelve/ops/matmul.py": r"m == n|-3|-1",
    "minidelve/ops/linear.py": r"len\(x\) >= FEW|device_of\(x\) == 'cpu'|x.size \* len\(W\)",
    "minidelve/ops/softmax.py": r"z - z.max\(axis=axis, keepdims=True\)",
    "minidelve/ops/conv/winograd.py": r"device_of\(U\) == 'cpu'|Q \* each.*|O \+ C|cut\[0\].stop - cut\[0\].start",
    "minidelve/ops/conv/direct.py": r"p < k",
    "minidelve/ops/conv/im2col.py": r"cols.dtype == dy.dtype|OH \* OW.*|cut\[0\].stop.*|piece.stop - piece.start",
    "minidelve/optim/sgd.py": r"x.dtype == a.dtype",
    "kernels/reference/products.py": r".*(precision|bits|dropped|np.float16).*",
    "kernels/reference/winograd.py": r"length \+ 2 \* padding|count - 1",
    "kernels/reference/max_pool.py": r"u\[:, None\] \* kernel\[1\] \+ v",
}


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """cli("check-grad", ...): exit code and what is printed."""

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        return main(words), capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def ops_of() -> dict[str, set[str]]:
    """File -> the ops that run it, by what check-grad says of an unbroken source."""
    found = {file: set(ops) for file, ops in CALLED.items()}
    for result in run_paths(kernels="reference"):
        for file in result.files:
            found.setdefault(file, set()).add(result.op)
    return found


def harmful(file: str) -> list[Break]:
    return [b for b in breaks(file) if not re.fullmatch(HARMLESS.get(file, "(?!)"), b.text)]


def check_grad(cli, ops: set[str]) -> tuple[int, str]:
    """Exit code and output of check-grad for these ops, one after the other until one is wrong."""
    code, out = 0, ""
    for op in sorted(ops):
        code, out = cli("check-grad", "--op", op, "--kernels", "reference")
        if code:
            break
    return code, out


def files_with_arithmetic() -> list[str]:
    """The ops and the reference kernels that compute something."""
    found = sorted((ROOT / "minidelve/ops").rglob("*.py")) + sorted((ROOT / "kernels/reference").glob("*.py"))
    return [str(path.relative_to(ROOT).as_posix()) for path in found if harmful(str(path.relative_to(ROOT)))]


# Not run by an op's path, or about sizes, checks and shares alone: other tests hold them.
ELSEWHERE = {
    f"minidelve/ops/{name}.py"
    for name in (
        "__init__", "arguments", "calling_kernels", "geometry", "layout", "pieces", "to_device", "conv/simple",
        "conv/choice", "conv/conv2d", "conv/activation", "conv/outliers", "conv/scaffold", "conv/winograd_tiles",
    )
} | {"kernels/reference/windows.py", "kernels/reference/into.py"}  # fmt: skip


def test_every_file_with_arithmetic_is_run_by_check_grad(ops_of):
    assert [file for file in files_with_arithmetic() if file not in ops_of and file not in ELSEWHERE] == []


SAMPLE = [*(f for f in files_with_arithmetic() if f not in ELSEWHERE), "minidelve/optim/sgd.py"]


@pytest.mark.parametrize("file", SAMPLE)
def test_check_grad_notices_a_broken_line(file, ops_of, cli):
    choices = harmful(file)
    which = choices[len(file) % len(choices)]
    with broken(which):
        code, out = check_grad(cli, ops_of[file])
    assert code == 1 and "FAILED" in out, which
    assert check_grad(cli, {sorted(ops_of[file])[0]})[0] == 0, "the file is whole again"


@pytest.mark.slow
@pytest.mark.parametrize("file", SAMPLE)
def test_check_grad_notices_every_broken_line(file, ops_of, cli):
    unnoticed = []
    for which in harmful(file):
        with broken(which):
            code, _ = check_grad(cli, ops_of[file])
        unnoticed += [str(which)] if code == 0 else []
    assert unnoticed == []


def test_the_output_names_the_file_of_which_nothing_is_right(ops_of, cli):
    (which,) = [b for b in breaks("kernels/reference/im2col.py") if "+=" in b.text]
    with broken(which):
        code, out = cli("check-grad", "--op", "conv2d")
    assert code == 1 and "whatever runs kernels/reference/im2col.py FAILED" in out
    assert re.search(r"ops/conv/direct.py, kernels/numba_cpu/products.py .* ok$", out, re.M)
    assert "whatever runs ops/conv/im2col.py" not in out  # with the other kernels it is right


def test_a_line_that_raises_is_a_failure_and_no_traceback(cli):
    (which,) = [b for b in breaks("minidelve/optim/sgd.py") if b.text == "part.stop * len(a)"]
    with broken(which):
        code, out = cli("check-grad", "--op", "momentum_step")
    assert code == 1 and "TypeError: slice indices must be integers" in out
