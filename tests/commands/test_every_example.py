"""Every command that a --help, README.md or a page of docs/ shows: it is read, and on small stand-ins it runs.

The stand-ins bear the names in the examples, and what only costs time is made small: see LIGHTER. Commands that run
elsewhere, or cannot run here, are only read, and `elsewhere` says why.
"""

import argparse
import contextlib
import functools
import importlib.util
import io
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minidelve import cli, data, models
from minidelve.bench import machine
from minidelve.bench.case import SIZES, Sizes
from minidelve.commands import reproduce
from minidelve.experiments import ITEMS
from minidelve.interchange.weights.names import theirs
from tests.data.files import zip_bytes
from tests.helpers import ROOT
from tests.interchange.weights import others
from tests.labs import students

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "kernels/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
PROGRAMS = ("minidelve", ".venv/bin/minidelve", r".venv\Scripts\minidelve")
OTHERS = re.compile(  # lines of a page that are not commands of ours; examples/ has tests of its own
    r"(git |cd |for |done|python3? -m venv|py -|\.ci/run|(\S+[/\\])?(pip|ruff|mypy|jupyter|jupytext|activate)\b"
    r"|(\w+=\S+ )*(\S+[/\\])?python (-m pytest|-m minidelve|examples/))"
)
# Options added to an example: they change how long it takes, not what it does.
LIGHTER = {
    "train": ["--width", "0.1", "--fc", "8", "--batch-size", "4"],
    "bench": ["--rounds", "1"],
    "import": ["--width", "0.1", "--fc", "8"],
    "predict": [], "evaluate": [], "export": [], "data": [],
    "summary": [], "check-grad": [], "reproduce": [], "doctor": [], "lab": [],
}  # fmt: skip


def subparsers() -> dict[str, argparse.ArgumentParser]:
    (action,) = [a for a in cli.make_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return action.choices


def commands(lines: list[str]) -> Iterator[str]:
    """The commands of ours in the lines of a shell; AssertionError for a line that is of no known kind."""
    text = "\n".join(lines).replace("\\\n", " ").replace("$p", "fp32")
    for command in (part.strip() for line in text.splitlines() for part in line.split("&&")):
        if command.startswith(PROGRAMS):
            yield command[command.index("minidelve") :]
        elif command and not command.startswith("#"):
            assert OTHERS.match(command), f"{command!r} is a command of no known kind"


def shown() -> Iterator[tuple[str, str]]:
    """(where it is shown, command) of every example."""
    for name, parser in subparsers().items():
        examples = [line for line in (parser.epilog or "").splitlines() if line.strip() and not line.endswith(":")]
        assert examples, f"{name} --help has no example"
        yield from ((f"{name} --help", command) for command in commands(examples))
    for page in PAGES:
        for block in re.findall(r"```(?:sh|powershell|bat)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            yield from ((page.name, command) for command in commands(block.splitlines()))


EXAMPLES = sorted(set(shown()))


def words_of(command: str) -> list[str]:
    """The words after `minidelve`, without comment and redirection."""
    return shlex.split(command.partition(" > ")[0], comments=True)[1:]


def joined(words: list[str]) -> list[str]:
    """As cli.main does it: an action of `data` or `lab` is one word with it."""
    action = " ".join(words[:2])
    return [action, *words[2:]] if action in subparsers() else words


def test_there_are_examples_everywhere():
    places = {place for place, _ in EXAMPLES}
    assert {"README.md", "gpu.md", *(f"{name} --help" for name in subparsers())} <= places and len(EXAMPLES) > 60


@pytest.mark.parametrize(("place", "command"), EXAMPLES)
def test_every_example_is_read(place, command):
    cli.make_parser().parse_args(joined(words_of(command)))


# ---- running them ----


def elsewhere(words: list[str]) -> str:
    """Why an example is not run here, or nothing."""
    if "cuda" in words:
        return "it needs a GPU; tests/cuda has the same on stand-ins"
    if words[0] == "bench" and not {"kernels", "ops"} & {*words}:
        return "it takes minutes; tests/commands/test_bench.py has it with small networks"
    if words[:2] == ["data", "fetch"]:
        return "it downloads; tests/commands/test_data_fetch.py has it on a server of its own"
    if words[:2] == ["lab", "run"] and not {"--quick", "check-grad"} & {*words} or "--experiments" in words:
        return "it takes minutes; with --quick, or without --experiments, it is run"
    return ""


def lighter(words: list[str]) -> list[str]:
    """The words of an example with options that make it short."""
    more = list(LIGHTER[words[0]])
    if words[0] == "reproduce":  # .ci/run runs every item
        words = ["momentum" if word in ITEMS else word for word in words]
    if words[0] == "train":
        if "--resume" in words or "--show-config" in words:
            more = []
        elif "--config" in words or "paper-small" in words or "paper-large" in words:
            more += ["--epochs", "2", "--milestones", "1"]
        elif "--epochs" not in words:
            more += ["--epochs", "1"]
    return words + more


def picture(seed: int, side: int = 64) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((side, side)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A folder with everything that the examples name, as small as can be."""
    root = tmp_path_factory.mktemp("world")
    ids = [line.split()[0] for line in (ROOT / "docs/tiny-imagenet-20.txt").read_text().splitlines() if line[0] != "#"]
    members, lines = [("wnids.txt", "\n".join([*ids, "n99999999"]).encode())], []
    for label, wnid in enumerate([*ids, "n99999999"]):
        members += [(f"train/{wnid}/images/{wnid}_{k}.JPEG", picture(9 * label + k)) for k in range(2)]
        members.append((f"val/images/val_{label}.JPEG", picture(9 * label + 7)))
        lines.append(f"val_{label}.JPEG\t{wnid}\t0\t0\t1\t1\n")
    members.append(("words.txt", (ROOT / "docs/tiny-imagenet-20.txt").read_bytes().split(b"20.txt\n")[1]))
    members.append(("val/val_annotations.txt", "".join(lines).encode()))
    (root / "tiny-imagenet-200.zip").write_bytes(zip_bytes(members))
    for name, side in (("imagenet", 232), ("ILSVRC", 232), ("my-images", 64)):
        for label, wnid in enumerate(["n01", "n02"]):
            for split in ("train",) if name == "my-images" else ("train", "val"):
                (root / name / split / wnid).mkdir(parents=True)
                for k in range(4):
                    (root / name / split / wnid / f"{k}.JPEG").write_bytes(picture(10 * label + k, side))
    for name in ("picture.jpg", "a.JPEG", "b.png", "fish.jpg"):
        (root / name).write_bytes(picture(1))
    weights_of_others(root)
    students.done(root / "mycourse", 3)
    (root / "handed-in").mkdir()
    students.handed_in(root / "mycourse", 3, root / "handed-in/lab3-Zoë-Ode.zip")
    (root / "course-secret").write_text("nobody can guess this line\n")
    (root / "course-secret").chmod(0o600)
    (root / "dogs.txt").write_text("n01\nn02\n")
    (root / "docs").symlink_to(ROOT / "docs")
    return root


def weights_of_others(root: Path) -> None:
    """VGG-19 as LIGHTER has it, as PyTorch and Caffe would have written it."""
    network = models.create("vgg19", 2, "relu", width=0.1, fc=8)  # for the two classes of imagenet/
    state = network.state_dict()
    arrays = {naming: {name: state[ours] for ours, name in theirs(naming, network).items()}
              for naming in ("torchvision", "caffe")}  # fmt: skip
    (root / "vgg19.caffemodel").write_bytes(others.caffemodel(arrays["caffe"], 1))
    if importlib.util.find_spec("safetensors"):
        import safetensors.numpy

        safetensors.numpy.save_file(arrays["torchvision"], root / "vgg19.safetensors")


@pytest.fixture
def small(monkeypatch, world):
    """What the examples take from the framework itself, made small."""
    toy = functools.partial(data.ToyDataset, train_size=64, val_size=20)
    monkeypatch.setattr("minidelve.data.opening.ToyDataset", toy)
    monkeypatch.setattr(data, "write_toy", functools.partial(data.write_toy, train_size=20, val_size=20))
    monkeypatch.setitem(SIZES, "cpu", Sizes((2, 12, 8), (2, 6, 8), (4, 32), 1000))
    monkeypatch.setattr(machine, "sgemm_gflops", lambda: 100.0)
    monkeypatch.setattr(machine, "copy_gigabytes", lambda: 10.0)
    momentum = {"momentum": ITEMS["momentum"]}
    monkeypatch.setattr(reproduce, "ITEMS", momentum)
    monkeypatch.setenv("HOME", str(world))
    monkeypatch.chdir(world)


# What an example finds there is what other examples have left: these come first.
FIRST = [
    "minidelve data subset tiny-imagenet-200.zip tiny-imagenet-20.zip --classes docs/tiny-imagenet-20.txt",
    "minidelve data --write-toy toy-images",
    "minidelve data split my-images my-set --val-fraction 0.1",
    "minidelve data pack ILSVRC imagenet-256 --short-side 256",
    "minidelve data pack imagenet stores/imagenet-256 --short-side 256",
    "minidelve data pack tiny-imagenet-200.zip tiny-packed --short-side 64",
    "minidelve train --recipe paper-large --epochs 20 --show-config > mine.toml",
    "minidelve train --out runs/first",
    "minidelve export runs/first first.safetensors",
    "minidelve import vgg19.safetensors --model vgg19 --data imagenet --input torchvision --out runs/vgg19",
    "minidelve train --data tiny-imagenet-20.zip --epochs 2 --out runs/tiny",
    "minidelve train --data stores/imagenet-256 --recipe paper-small --out runs/small14",
    "minidelve train --recipe paper-large --data imagenet --out runs/a",
]


def free(name: str) -> str:
    """The name, or a second one: two examples may write to the same place, as no reader does."""
    folder, _, last = name.rpartition("/")
    names = [name, *(f"{folder}/{k}-{last}".lstrip("/") for k in range(2, 99))]
    return next(name for name in names if not os.path.lexists(name))


def run(command: str, place: str) -> None:
    """Run an example; AssertionError if it does not end well."""
    words = lighter(words_of(command))
    for option in ("--out", "--json", "--sheet", "--write-toy"):
        if option in words and "--resume" not in words:
            place = words.index(option) + 1
            words[place] = free(words[place])
    if words[:2] in (["data", "subset"], ["data", "split"], ["data", "pack"]):
        words[3] = free(words[3])
    if words[0] == "export":
        words[2] = free(words[2])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(words)
        except SystemExit as stop:
            code = stop.code
    assert not code, f"{place}: {command} ended with {code}: {err.getvalue()}"
    if " > " in command:
        Path(command.partition(" > ")[2].split()[0]).write_text(out.getvalue(), encoding="utf-8")


@pytest.fixture(scope="module")
def made(world) -> set[str]:
    """Which of FIRST have run in this world."""
    return set()


@pytest.mark.slow
@pytest.mark.parametrize("place", sorted({place for place, _ in EXAMPLES}))
def test_every_example_runs(place, world, small, made):
    for command in FIRST:
        if command not in made:
            run(command, "FIRST")
            made.add(command)
    for name in ("b", "c"):
        if not (world / "runs" / name).exists():
            shutil.copytree(world / "runs/a", world / "runs" / name)
    for at, command in EXAMPLES:
        words = words_of(command)
        if at != place or elsewhere(words) or command in made:
            continue
        if "torch" in words:
            pytest.importorskip("torch", reason="PyTorch is not installed")
        run(command, place)
