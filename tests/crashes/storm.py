"""Processes that are killed at random moments, and pairs that begin at one moment: nothing is lost, nothing mixed.

    python -m tests.crashes.storm --kills 200 --pairs 40 --seed 1

A kill: a command is begun and killed (SIGKILL). Then its user gives the same command, or the one that is advised, until
it is done. What it has written must be what it writes when nobody disturbs it, to the bit, and nothing else may lie
there. A pair: two commands begin at once on the same place. Each is done or refused in one line, at least one is done,
and what lies there is what one of them writes alone.

Each command runs in a process of its own, forked from this one, so that no time goes into starting Python.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from minidelve import data, models
from minidelve.cli import main
from minidelve.commands import bench, reproduce
from minidelve.data.packing import pack
from minidelve.experiments import ITEMS, Budget
from minidelve.experiments import signal as signal_item
from minidelve.training import curves
from tests.commands.runs import bits
from tests.labs import students

# One thread: many of these run at once, and would wait for each other.
TRAIN = [
    "train", "--size", "28", "--batch-size", "8", "--width", "0.25", "--fc", "16", "--milestones", "3",
    "--threads", "1", "--workers", "0",
]  # fmt: skip
IMPORTED = ["--model", "lab14", "--activation", "relu", "--width", "0.25", "--fc", "16", "--input", "none"]
MOST_STEPS = 6  # of a user who follows advice
ADVICE = {
    "add --resume": ("--resume", "--overwrite"),
    "--overwrite in its place": ("--overwrite", "--resume"),
    "leave --resume out": ("", "--resume"),
    "add --overwrite": ("--overwrite", "--resume"),
}  # what a line advises: the option to add, the one to leave out
TIMES = {"seconds", "images_per_second"}


@dataclass(frozen=True)
class Job:
    """A command in a folder of its own, W in its words, and what it leaves there.

    before   is done in the folder first
    product  what counts of the result
    own      what may lie in the folder in the end
    """

    name: str
    words: Sequence[str]
    own: frozenset[str]
    product: Callable[[Path], object]
    before: Callable[[Path], object] = lambda folder: None
    run: Callable[[Sequence[str]], int] = main


# -- what counts of what was written ----------------------------------------------------------------


def run_of(folder: Path) -> object:
    """Weights, optimizer and best weights to the bit, and the figures of every epoch without times."""
    rows = [line.split(",")[:-2] for line in (folder / "run/metrics.csv").read_text().splitlines()]
    return bits(folder / "run/last.npz"), bits(folder / "run/best.npz"), rows


def files_of(folder: Path) -> object:
    """The bytes of every file, an archive's too."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "data.zip")
    return [(str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]


def results_of(folder: Path) -> object:
    """The rows of an item."""
    return (folder / "out/signal/results.csv").read_text()


# -- the jobs ---------------------------------------------------------------------------------------


def jobs(shared: Path, port: int) -> list[Job]:
    """The commands that write what a user keeps; `shared` holds data and a trained run."""
    train = [*TRAIN, "--data", f"{shared}/set", "--epochs", "4", "--out", "W/run"]
    run, store = frozenset({"run"}), frozenset({"store"})
    half = partial(shutil.copytree, shared / "half")
    fetch = ["data", "fetch", "tiny-imagenet", "--dir", "W", "--url"]
    sha = ["--sha256", hashlib.sha256((shared / "data.zip").read_bytes()).hexdigest()]
    return [
        Job("train", train, run, run_of),
        Job("train --overwrite", [*train, "--overwrite"], run, run_of, lambda w: half(w / "run")),
        Job("train --resume", [*train, "--resume"], run, run_of, lambda w: half(w / "run")),
        Job("pack", ["data", "pack", f"{shared}/set", "W/store", "--short-side", "24"], store, files_of),
        Job("pack --overwrite", ["data", "pack", f"{shared}/set", "W/store", "--short-side", "24", "--overwrite"],
            store, files_of, lambda w: data.pack(shared / "set", w / "store", 12)),
        Job("reproduce", ["reproduce", "signal", "--out", "W/out"], frozenset({"out"}), results_of),
        Job("evaluate", ["evaluate", f"{shared}/half", "--out", "W/out", "--protocol", "ten-view", "--threads", "1"],
            frozenset({"out"}), files_of),
        Job("evaluate --overwrite", ["evaluate", f"{shared}/half", "--out", "W/out", "--overwrite"],
            frozenset({"out"}), files_of, lambda w: main(["evaluate", f"{shared}/half", "--out", f"{w}/out"])),
        Job("subset", ["data", "subset", f"{shared}/set", "W/two", "--classes", "2"], frozenset({"two"}), files_of),
        Job("subset to a zip", ["data", "subset", f"{shared}/set", "W/two.zip", "--classes", "2"],
            frozenset({"two.zip"}), files_of),
        Job("write-toy", ["W/toy"], frozenset({"toy"}), files_of, run=write_toy),
        Job("fetch", [*fetch, f"http://127.0.0.1:{port}/data.zip", *sha], frozenset({"data.zip"}), files_of),
        Job("sheet", ["data", f"{shared}/set", "--sheet", "W/sheet.png"], frozenset({"sheet.png"}), files_of),
        Job("import", ["import", f"{shared}/net.npz", *IMPORTED, "--data", f"{shared}/set", "--out", "W/run"], run,
            lambda w: (bits(w / "run/last.npz"), bits(w / "run/best.npz"))),
        Job("export to onnx", ["export", f"{shared}/half", "W/half.onnx"], frozenset({"half.onnx"}), files_of),
        Job("export weights", ["export", f"{shared}/half", "W/half.safetensors"], frozenset({"half.safetensors"}),
            files_of),
        Job("bench", ["bench", "ops", "--json", "W/speed.json"], frozenset({"speed.json"}),
            lambda w: sorted(os.listdir(w))),
        Job("lab start", ["lab", "start", "3", "W/course"], frozenset({"course"}), files_of),
        Job("lab submit", ["lab", "submit", "3", "W/course", "--out", "W/lab3.zip"],
            frozenset({"course", "lab3.zip"}), files_of, lambda w: students.done(w / "course", 3)),
    ]  # fmt: skip


def write_toy(words: Sequence[str]) -> int:
    """A small toy set; the command writes thousands of pictures."""
    try:
        data.write_toy(words[0], 40, 10)
    except data.DataError as error:
        print(f"minidelve: {error}", file=sys.stderr)
        return 2
    return 0


def make_shared(shared: Path) -> None:
    """A data set that is packed in many blocks and trained in a moment, as a folder and as a zip, and half a run."""
    rng = np.random.default_rng(4)
    for split, count in (("train", 12), ("val", 4)):
        for label in range(4):
            (shared / "set" / split / f"c{label}").mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(rng.normal(60 * label, 60, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(shared / "set" / split / f"c{label}" / f"{i:02}.png")
    data.subset(shared / "set", shared / "data.zip", 4)
    np.savez(shared / "net.npz", **models.create("lab14", 4, "relu", width=0.25, fc=16).state_dict())


def make_quick() -> None:
    """What takes long and is not what is tested here: pictures, and the sizes of items, blocks and measurements."""
    pack.BLOCK = 8
    curves.draw_curves = lambda *args, **kwargs: None  # type: ignore[assignment]
    budget = Budget(3, {"networks": 1, "widths": (4, 8)})
    reproduce.ITEMS = {"signal": replace(ITEMS["signal"], budgets={"quick": budget})}
    signal_item.DEPTHS = (3, 4)
    bench.Report.ops = lambda report: [(report.save(), time.sleep(0.02)) for _ in range(5)]  # type: ignore


# -- processes --------------------------------------------------------------------------------------


class Process:
    """A command in a fork of this process, begun when `go` is told; its stderr lies in a file."""

    def __init__(self, job: Job, words: Sequence[str], folder: Path):
        read, self._write = os.pipe()
        self.log = folder.with_suffix(f".{time.monotonic_ns()}.log")
        self.log.touch()  # it may be killed before it has begun
        self.pid = os.fork()
        if self.pid:
            os.close(read)
            return
        code = 70
        try:
            signal.alarm(1200)  # a hang is a failure
            with open(self.log, "w", encoding="utf-8") as log:
                os.dup2(log.fileno(), 2)
                os.dup2(log.fileno(), 1)
            os.close(self._write)
            os.read(read, 1)
            code = job.run([word.replace("W/", f"{folder}/") if word != "W" else str(folder) for word in words])
        finally:
            sys.stderr.flush()
            os._exit(code)

    def go(self) -> "Process":
        os.write(self._write, b"!")  # closing it would not do: a later fork has this end too
        os.close(self._write)
        return self

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """Exit code (negative: the signal), and what was said."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        said = self.log.read_text(encoding="utf-8", errors="replace")
        self.log.unlink()
        return code, said


class Storm:
    """The jobs, what each leaves when nobody disturbs it, and how long that takes."""

    def __init__(self, place: Path, seed: int):
        self.place, self.random, self.count = place, random.Random(seed), 0
        self.met: Counter[str] = Counter()
        make_quick()
        shared = place / "shared"
        make_shared(shared)
        handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *args: None})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=shared))
        os.environ["NO_PROXY"] = "127.0.0.1"
        words = [*TRAIN, "--data", f"{shared}/set", "--epochs", "4", "--out", "W/half"]
        maker = Job("make", words, frozenset(), lambda w: 0)
        self._half(Process(replace(maker, run=stop_after_two), maker.words, shared).go())
        self.jobs = jobs(shared, self.server.server_port)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.alone: dict[str, tuple[object, float]] = {}

    @staticmethod
    def _half(process: Process) -> None:
        code, said = process.end()
        assert code == 130, said

    def folder(self, job: Job) -> Path:
        """A new folder in which the job can begin."""
        self.count += 1
        folder = self.place / f"{self.count}"
        folder.mkdir()
        job.before(folder)
        return folder

    def undisturbed(self, job: Job) -> tuple[object, float]:
        """What the job leaves, and the seconds that it takes."""
        if job.name not in self.alone:
            folder, begin = self.folder(job), time.monotonic()
            code, said = Process(job, job.words, folder).go().end()
            seconds = time.monotonic() - begin
            assert code == 0, f"{job.name}: {said}"
            self.alone[job.name] = job.product(folder), seconds
            shutil.rmtree(folder)
        return self.alone[job.name]

    def kill(self, job: Job) -> None:
        """Kill the job once or twice, and bring it to its end."""
        product, seconds = self.undisturbed(job)
        folder, words, said = self.folder(job), list(job.words), ""
        for _ in range(self.random.choice([1, 1, 2])):
            process = Process(job, words, folder).go()
            time.sleep(self.random.uniform(0, 1.05) * seconds)
            process.kill()
            code, said = process.end()
            self.met["killed" if code < 0 else "ended before it was killed"] += 1
            self.met["left unfinished"] += bool(list(folder.rglob("*.unfinished")))
            self.met["left a lock"] += bool([path for path in folder.rglob("*") if path.name.endswith(".lock")])
            if code == 2 and self.is_done(said):
                break
            if code == 2:  # the second kill came after the advice
                words = self.advised(words, said)
        for _ in range(MOST_STEPS):
            code, said = Process(job, words, folder).go().end()
            if code == 0 or code == 2 and self.is_done(said):
                break
            words = self.advised(words, said) if code == 2 else self.fail(job, words, said)
        else:
            self.fail(job, words, said)
        if job.product(folder) != product or {*os.listdir(folder)} != job.own or self.leftovers(folder):
            self.fail(job, words, f"{said}\nleft {sorted(folder.rglob('*'))}")
        shutil.rmtree(folder)

    @staticmethod
    def is_done(said: str) -> bool:
        """Whether a refusal means that the work was done before the kill came."""
        done = (
            "is a finished packed store",
            "already exists",
            "sheet.png exists",
            "half.onnx exists",
            "lab3.zip exists",
        )
        return any(words in said for words in done)

    @staticmethod
    def leftovers(folder: Path) -> list[Path]:
        return [path for path in folder.rglob("*") if path.name.endswith((".lock", ".unfinished"))]

    def advised(self, words: list[str], said: str) -> list[str]:
        """The command that the last line advises first."""
        self.met["advice followed"] += 1
        line = said.splitlines()[-1]
        for text, (add, leave) in ADVICE.items():
            if text in line:
                return [*(word for word in words if word not in (add, leave)), *([add] if add else [])]
        raise AssertionError(f"no advice in: {said}")

    def pair(self, first: Job, second: Job) -> None:
        """Begin both at once in one folder."""
        outcomes = [self.undisturbed(job)[0] for job in (first, second)]
        folder = self.folder(first)
        processes = [Process(job, job.words, folder) for job in (first, second)]
        for process in self.random.sample(processes, 2):
            process.go()
            time.sleep(self.random.choice([0, 0, 0.001, 0.01]))
        ends = [process.end() for process in processes]
        codes = sorted(code for code, _ in ends)
        refusals = [said for code, said in ends if code == 2]
        self.met[f"pair ended {codes}"] += 1
        words = (
            "in use by",
            "is not empty",
            "already exists",
            "already holds",
            "exists; add",
            "is a finished packed store",
        )
        if codes not in ([0, 0], [0, 2]) or not all(
            any(w in said.splitlines()[-1] for w in words) for said in refusals
        ):
            self.fail(first, second.words, f"{ends}")
        if first.product(folder) not in outcomes or {*os.listdir(folder)} != first.own or self.leftovers(folder):
            self.fail(first, second.words, f"{ends}\nleft {sorted(folder.rglob('*'))}")
        shutil.rmtree(folder)

    def pairs(self) -> list[tuple[Job, Job]]:
        """Each job beside itself, and trainings beside each other, with another seed where they begin anew."""
        named = {job.name: job for job in self.jobs}
        new, over, resume = (named[name] for name in ("train", "train --overwrite", "train --resume"))
        other = [replace(job, name=f"{job.name} --seed 1", words=[*job.words, "--seed", "1"]) for job in (new, over)]
        beside = [(over, other[1]), (resume, over), (resume, resume), (resume, other[1]), (new, other[0])]
        return [*beside, *((job, job) for job in self.jobs if job.name != "pack --overwrite")]

    @staticmethod
    def fail(job: Job, words: Sequence[str], said: str) -> list[str]:
        raise AssertionError(f"{job.name}, {' '.join(words)}:\n{said}")


def stop_after_two(words: Sequence[str]) -> int:
    """Train, and press Ctrl-C in the third epoch."""
    from minidelve.training import loop

    whole, epochs = loop.train_epoch, []

    def two(*args):  # type: ignore[no-untyped-def]
        epochs.append(1)
        if len(epochs) > 2:
            raise KeyboardInterrupt
        return whole(*args)

    loop.train_epoch = two
    return main(words)


def rage(place: Path, kills: int, pairs: int, seed: int, say: Callable[[str], None] = print) -> Counter[str]:
    """So many kills and pairs, each job in turn; what was met. AssertionError where something is lost or mixed."""
    storm = Storm(place, seed)
    for i in range(kills):
        storm.kill(storm.jobs[i % len(storm.jobs)])
        if i % 20 == 19:
            say(f"{i + 1} kills: {dict(storm.met)}")
    together = storm.pairs()
    for i in range(pairs):
        storm.pair(*together[i % len(together)])
    say(f"{kills} kills, {pairs} pairs: nothing lost, nothing mixed; " + str(dict(storm.met)))
    return storm.met


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="kill commands, and begin two at once")
    parser.add_argument("--kills", type=int, default=17)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        rage(Path(place), args.kills, args.pairs, args.seed)
