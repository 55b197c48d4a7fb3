"""Whatever state a run's folder is in, what a command advises works when it is followed: no advice goes in a circle."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from minidelve.cli import main
from minidelve.disk.lock import Lock
from minidelve.disk.owning import LOCK

LEFT = "last.npz.4711-0af39c.unfinished"  # of a process that was killed
SMALL = ["--size", "28", "--batch-size", "8", "--width", "0.25", "--fc", "16"]


@pytest.fixture(scope="module")
def small_run(tiny_data, tmp_path_factory) -> Path:
    """A finished run of two epochs, of which the first was the best, to be copied."""
    out = tmp_path_factory.mktemp("small") / "run"
    assert main(["train", "--data", str(tiny_data), *SMALL, "--epochs", "2", "--out", str(out)]) == 0
    return out


@pytest.fixture(autouse=True)
def moments(monkeypatch, no_drawing):
    """An epoch takes no time."""
    row = {"lr": 0.01, "train_loss": 1.0, "train_top1_error": 50.0, "val_top1_error": 50.0, "val_top5_error": 0.0,
           "seconds": 1.0, "images_per_second": 1.0, "within": [[1.0, 1.0, 50.0]]}  # fmt: skip
    monkeypatch.setattr("minidelve.training.loop.train_epoch", lambda run, *_: {"epoch": run.epoch + 1, **row})
    monkeypatch.setattr("minidelve.disk.lock.PATIENCE", 0.0)


def spoil(*names: str, keep: str = "") -> Callable[[Path], None]:
    """A run in which some files are cut short, and of which others were removed."""

    def change(run: Path) -> None:
        for name in names:
            os.truncate(run / name, 1000)
        for name in os.listdir(run) if keep else ():
            if name not in keep.split():
                (run / name).unlink()

    return change


def begun(run: Path) -> None:
    spoil(keep="none")(run)
    (run / LOCK).write_text("process 4711 on elsewhere")
    (run / LEFT).write_text("half")


def with_a_stranger(run: Path) -> None:
    (run / "thesis.tex").write_text("years")


def replaced_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Something else in the place of the run, which lies at run.kept."""

    def change(run: Path) -> None:
        run.rename(run.with_suffix(".kept"))
        make(run)

    return change


STATES: dict[str, Callable[[Path], object]] = {
    "nothing there": replaced_by(lambda run: None),
    "an empty folder": spoil(keep="none"),
    "killed in the first epoch": begun,
    "a finished run": lambda run: None,
    "stopped after an epoch": lambda run: (run / "result.json").unlink(),
    "killed while saving": lambda run: (run / LEFT).write_text("half"),
    "killed after last.npz": spoil(keep="last.npz"),
    "only a config.json": spoil(keep="config.json"),
    "no last.npz": lambda run: (run / "last.npz").unlink(),
    "no last.npz, best.npz damaged": spoil("best.npz", keep="best.npz config.json"),
    "only best.npz": spoil(keep="best.npz"),
    "no best.npz": lambda run: (run / "best.npz").unlink(),
    "last.npz damaged": spoil("last.npz"),
    "best.npz damaged": spoil("best.npz"),
    "both damaged": spoil("best.npz", "last.npz"),
    "last.npz damaged, no best.npz": spoil("last.npz", keep="last.npz config.json"),
    "a stranger beside a run": with_a_stranger,
    "a stranger beside a damaged run": lambda run: (spoil("best.npz", "last.npz")(run), with_a_stranger(run)),
    "a stranger alone": lambda run: (spoil(keep="none")(run), with_a_stranger(run)),
    "a stranger and no last.npz": lambda run: (spoil(keep="config.json")(run), with_a_stranger(run)),
    "a folder called last.npz": lambda run: (spoil(keep="none")(run), (run / "last.npz").mkdir()),
    "a file": replaced_by(lambda run: run.write_text("mine")),
    "a link to a run": replaced_by(lambda run: run.symlink_to(run.with_suffix(".kept"))),
    "a link to nothing": replaced_by(lambda run: run.symlink_to(run.with_suffix(".lost"))),
}
IN_USE = {
    "in use, first epoch": begun,
    "in use, later": lambda run: None,
    "in use, killed before": spoil(keep="last.npz"),
}


class Situation:
    """A run's folder in some state, and the commands that a user may try there."""

    def __init__(self, place: Path, small_run: Path, state: str, data: Path):
        self.run, self.data, self.elsewhere = place / "run", str(data), str(place / "elsewhere")
        shutil.copytree(small_run, self.run)
        (STATES | IN_USE)[state](self.run)
        self.lock = Lock(self.run / LOCK) if state in IN_USE else None

    def commands(self) -> dict[str, list[str]]:
        new = ["train", "--data", self.data, *SMALL, "--epochs", "1"]
        here = ["--out", str(self.run)]
        return {
            "train": [*new, *here], "--overwrite": [*new, *here, "--overwrite"],
            "--resume": ["train", *here, "--resume"],
            "--resume --epochs": ["train", *here, "--resume", "--epochs", "3"],
            "evaluate": ["evaluate", str(self.run), "--data", self.data],
            "evaluate last.npz": ["evaluate", str(self.run / "last.npz"), "--data", self.data],
            "--warm-start": [*new, "--out", self.elsewhere, "--warm-start", str(self.run)],
        }  # fmt: skip

    def follow(self, advice: str, said: str, command: list[str]) -> list[str]:
        """Do as the advice says; the command that is to work then."""
        commands, best, last = self.commands(), self.run / "best.npz", self.run / "last.npz"
        if advice == "copy":
            shutil.copy(best, last)
            return commands["--resume"]
        if advice == "give that":
            whole = re.search(r"(\S+) is whole", said)
            assert whole
            return [whole[1] if word in (str(self.run), str(best), str(last)) else word for word in command]
        if advice == "wait":
            self.release()
            main(commands["train"])  # it has gone on to its first epoch, if that was not there
            return command if "--resume" in command or command[0] == "evaluate" else commands["--overwrite"]
        if advice == "bring back":
            self.run.with_suffix(".kept").rename(self.run.with_suffix(".lost"))
            return commands["--resume"] if command[0] == "train" else command
        if advice == "elsewhere":
            return [self.elsewhere if word == str(self.run) else word for word in commands["train"]]
        return commands[advice]

    def release(self) -> None:
        """The process that works there ends."""
        if self.lock:
            self.lock.release()
            self.lock = None


# What an advice looks like, and what a user does who follows it.
ADVICE = {
    "add --resume": "--resume", "add --overwrite": "--overwrite", "give --overwrite": "--overwrite",
    "leave --resume out to start": "train", "give the command that began it": "train",
    "another folder": "elsewhere", "another place": "elsewhere", "or a new name": "elsewhere",
    "copy its best.npz": "copy", "copy it to last.npz": "copy", "is whole: give that": "give that",
    "wait for": "wait", "bring back": "bring back", "--out folder of a `minidelve train`": "elsewhere",
    "a checkpoint written by `minidelve train`": "elsewhere",
}  # fmt: skip
COMMANDS = ("train", "--overwrite", "--resume", "--resume --epochs", "evaluate", "evaluate last.npz", "--warm-start")
MOST_STEPS = 3


@pytest.mark.parametrize("state", STATES | IN_USE)
def test_advice_works_when_it_is_followed(tiny_data, small_run, tmp_path, capsys, state):
    """Each command is tried, and then each piece of advice, and what that leads to: all ends well in few steps."""
    tried, elsewhere = 0, False  # whether another folder, which is the same for all, has been tried

    def explore(name: str, trail: tuple[str, ...]) -> None:
        nonlocal tried, elsewhere
        tried += 1
        situation = Situation(tmp_path / f"{tried}", small_run, state, tiny_data)
        command, said = situation.commands()[name], ""
        for advice in (None, *trail):
            command = situation.follow(advice, said, command) if advice else command
            capsys.readouterr()
            code = main(command)
            said = capsys.readouterr().err
        if not trail and situation.lock and name in COMMANDS[:4]:
            assert code == 2 and "is in use by process" in said  # whatever else is the matter
        situation.release()
        if code == 0:
            return
        assert code == 2 and len(said.splitlines()) == 1, said
        advised = sorted({what for words, what in ADVICE.items() if words in said})
        assert advised and len(trail) < MOST_STEPS and not {*trail} & {*advised}, (name, trail, said)
        for advice in advised:
            if advice != "elsewhere" or not elsewhere:
                elsewhere = elsewhere or advice == "elsewhere"
                explore(name, (*trail, advice))

    for name in COMMANDS:
        explore(name, ())
