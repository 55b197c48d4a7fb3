"""Running `minidelve` inside the test's process, which saves a second per case, or in its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from minidelve.cli import main
from tests.commands.runs import snapshot


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_plain_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine even a small run takes the ten seconds after which it says how far it is."""
    monkeypatch.setattr("minidelve.progress.EVERY_SECONDS", float("inf"))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """cli("train", "--out", path): exit code, stdout and stderr."""

    def run(*args: object) -> Result:
        capsys.readouterr()
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def ok(cli: Callable[..., Result]) -> Callable[..., str]:
    """ok("train", "--out", path): what it said on stdout; it succeeds, and says nothing on stderr."""

    def run(*args: object) -> str:
        code, out, err = cli(*args)
        assert (code, err) == (0, "")
        return out

    return run


@pytest.fixture
def refused(cli: Callable[..., Result], tmp_path: Path) -> Callable[..., str]:
    """refused([args], "part", ...): exit code 2, one line on stderr with every part; nothing in tmp_path changes."""

    def run(args: list[object], *parts: object) -> str:
        before = snapshot(tmp_path)
        code, _, err = cli(*args)
        lines = err.splitlines()
        assert code == 2 and len(lines) == 1, err
        assert lines[0].startswith("minidelve")
        for part in parts:
            assert str(part) in lines[0]
        assert snapshot(tmp_path) == before
        return lines[0]

    return run


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves take longer to draw than these networks to train."""
    monkeypatch.setattr("minidelve.training.curves.draw_curves", lambda *args, **kwargs: None)


@pytest.fixture
def spawn() -> Callable[..., subprocess.Popen]:
    """spawn("train", ...): `python -m minidelve` as a process of its own, its output as text."""

    def start(*args: object, **env: str) -> subprocess.Popen:
        # A shell that starts pytest in the background makes its children ignore Ctrl-C: undo that.
        return subprocess.Popen(
            [sys.executable, "-m", "minidelve", *map(str, args)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | env,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    return start


@pytest.fixture
def quick(tiny_data: Path) -> list[object]:
    """Options of a training run that takes a second."""
    return ["--data", tiny_data, "--size", 28, "--epochs", 1, "--batch-size", 8]


@pytest.fixture(scope="session")
def trained(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, to be read only."""
    out = tmp_path_factory.mktemp("trained") / "run"
    options = ["--data", tiny_data, "--size", 28, "--epochs", 3, "--batch-size", 8, "--out", out]
    assert main(["train", *map(str, options)]) == 0
    return out
