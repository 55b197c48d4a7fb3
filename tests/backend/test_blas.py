"""Holding BLAS back: what fails on the way in or is missing leaves everything as it was."""

import sys

import pytest

from minidelve.backend import blas
from tests.helpers import in_python


class Library:
    """A BLAS of four threads that may refuse to be set."""

    def __init__(self, refuses=False):
        self.threads, self.refuses = 4, refuses

    def get_num_threads(self):
        return self.threads

    def set_num_threads(self, count):
        if self.refuses and count == 1:
            raise OSError("access violation")
        self.threads = count


@pytest.fixture
def limits(monkeypatch):
    monkeypatch.setattr(blas, "_limits", blas._Limits())
    return lambda: blas._limits.users


def test_a_failure_on_the_way_in_leaves_nobody_inside(monkeypatch, limits):
    before, good, bad = sys.getswitchinterval(), Library(), Library(refuses=True)
    monkeypatch.setattr(blas, "libraries", lambda: [good, bad])
    with pytest.raises(OSError, match="access violation"), blas.side_by_side():
        pass
    assert (limits(), good.threads, sys.getswitchinterval()) == (0, 4, before)

    def broken():
        raise ImportError("threadpoolctl")

    monkeypatch.setattr(blas, "libraries", broken)
    with pytest.raises(ImportError), blas.side_by_side():
        pass
    assert limits() == 0
    monkeypatch.setattr(blas, "libraries", lambda: [good])
    with blas.side_by_side(), blas.side_by_side():
        assert good.threads == 1 and limits() == 2
    assert good.threads == 4 and limits() == 0


@pytest.mark.parametrize(
    "broken",
    [
        "sys.modules['threadpoolctl'] = None",
        "import threadpoolctl; threadpoolctl.ThreadpoolController = lambda: 1 / 0",
        "import threadpoolctl; del threadpoolctl.ThreadpoolController",
    ],
)
def test_without_threadpoolctl_work_goes_on(broken):
    code = f"""
import sys; {broken}
import contextlib, io
from minidelve.backend import blas, threads
with contextlib.redirect_stderr(io.StringIO()) as told, threads.using(2):
    assert threads.in_shares(lambda share: share.stop - share.start, 10) == [5, 5]
    assert threads.in_shares(lambda share: share.stop - share.start, 4) == [2, 2]
print(len(told.getvalue().splitlines()), blas.libraries(), blas._limits.users)
"""
    assert in_python(code) == "1 [] 0"
