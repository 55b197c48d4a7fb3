"""`minidelve train`: recipes, TOML files and --show-config, and that each option of the recipe does something."""

import json
import shlex
import tomllib
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest

from minidelve import data
from minidelve.backend import watching_kernels
from minidelve.cli import main
from minidelve.models.option import options_of
from minidelve.training.config import Config, resolve
from minidelve.training.views import loaders, views
from tests.commands.runs import bits, metrics

pytestmark = pytest.mark.usefixtures("no_drawing")


@pytest.fixture
def shown(ok):
    """shown(option, ...): what --show-config prints, as a dict; options that are not set are absent."""
    return lambda *args: tomllib.loads(ok("train", *args, "--show-config"))


def test_show_config_prints_every_option(ok):
    out = ok("train", "--epochs", 1, "--show-config")
    expected = asdict(Config(epochs=1))
    unset = {name for name, value in expected.items() if value in (None, [])}
    assert tomllib.loads(out) == {name: value for name, value in expected.items() if name not in unset}
    assert "jitter" in unset and all(f"# {name} is not set: " in out for name in unset)


def test_show_config_says_where_each_option_comes_from(ok, tmp_path):
    (tmp_path / "a.toml").write_text("lr = 0.02\nbatch-size = 32\n")
    options = ["--recipe", "paper-large", "--config", tmp_path / "a.toml", "--lr", 0.5]
    lines = [line for line in ok("train", *options, "--show-config").splitlines() if " = " in line]
    origins = {line.split(" = ")[0]: line.rpartition("# ")[2] for line in lines}
    assert [origins[name] for name in ("lr", "batch_size", "size", "seed")] == ["flag", "file", "recipe", "default"]


@pytest.mark.parametrize(
    "options",
    ["--recipe paper-large", "--plateau --model small14", "--recipe lab-jitter --data 'a b/ü🐟\x7f.zip' --seed 3"],
)
def test_what_is_shown_can_be_read_again(ok, shown, tmp_path, options):
    first = ok("train", *shlex.split(options), "--show-config")
    (tmp_path / "mine.toml").write_text(first, encoding="utf-8")
    assert shown("--config", tmp_path / "mine.toml") == tomllib.loads(first)


def test_flags_win_over_the_file_and_the_file_over_the_recipe(shown, tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('recipe = "paper-large"\nlr = 0.02\nmomentum = 0.8\nmilestones = [3, 5]\n')
    options = shown("--config", file, "--lr", 0.5)
    assert (options["lr"], options["momentum"], options["milestones"]) == (0.5, 0.8, [3, 5])
    assert (options["size"], options["jitter"]) == (224, [256, 512])
    assert shown("--config", file, "--plateau").get("milestones") is None
    file.write_text("plateau = true")
    options = shown("--config", file, "--milestones", "2,4")
    assert (options["plateau"], options["milestones"]) == (False, [2, 4])


def test_a_run_keeps_what_it_was_shown_to_do(ok, shown, quick, tmp_path):
    options = [*quick, "--recipe", "lab-jitter", "--epochs", 1, "--jitter", "28,40", "--short-side", 32]
    ok("train", *options, "--out", tmp_path / "run")
    kept = json.loads((tmp_path / "run" / "config.json").read_text())
    kept = {name: value for name, value in kept.items() if value not in (None, []) and name != "versions"}
    assert kept == shown(*options)


# option: (value, what both runs have beside it, so that it shows within six steps)
CHANGES: dict[str, tuple[object, tuple[object, ...]]] = {
    "momentum": (0.5, ()), "weight_decay": (0.05, ()), "lr": (0.02, ()), "size": (30, ()), "batch_size": (12, ()),
    "activation": ("relu", ()), "init": ("xavier", ()), "width": (0.5, ()), "levels": ([2, 1], ()), "fc": (20, ()),
    "fc_init": ("he", ("--init", "xavier")), "slope": (0.25, ("--activation", "lrelu")),
    "aux_after": ("conv2_2", ()), "aux_weight": (1.5, ("--aux-after", "conv2_2")),
    "decay_slopes": (True, ("--weight-decay", 0.5)),
    "jitter": ([28, 40], ("--lr", 1e-4)), "colour": (0.5, ("--lr", 1e-4)), "short_side": (36, ("--lr", 1e-4)),
    "normalize": ("mean", ("--lr", 1e-4)), "val_fraction": (0.5, ()),
}  # fmt: skip
# Options that a test of their own follows to where they act.
ELSEWHERE = {
    "recipe", "data", "model", "warm_start", "epochs", "milestones", "plateau", "seed", "device", "precision",
    "workers", "on_bad_image", "kernels", "algorithm",
}  # fmt: skip


def test_kernels_and_algorithm_compute_the_run_and_stay_with_it(ok, refused, quick, tmp_path):
    out, asked = tmp_path / "run", ["--kernels", "reference", "--algorithm", "im2col"]
    with watching_kernels() as seen:
        said = ok("train", *quick, "--epochs", 1, *asked, "--out", out)
    assert "kernels reference, algorithm im2col" in said
    assert {file.split("/")[1] for file in seen} == {"reference"} and "kernels/reference/im2col.py" in seen
    assert "kernels/reference/winograd.py" not in seen
    with watching_kernels() as seen:
        ok("train", *quick, "--epochs", 2, "--out", out, "--resume")
        ok("evaluate", out, *asked)
    assert {file.split("/")[1] for file in seen} == {"reference"}
    refused(["train", *quick, "--out", out, "--resume", "--algorithm", "direct"], "differs from the run's im2col")
    refused(["evaluate", out, "--kernels", "cupy_cuda"], "--kernels cupy_cuda", "expected reference or numba_cpu")


def test_no_option_is_without_a_test():
    assert CHANGES.keys() | ELSEWHERE == options_of(Config).keys()


@pytest.fixture(scope="module")
def short_run(tiny_data, tmp_path_factory):
    """short_run(option, ...): the folder of a run of six steps, each made once."""

    @cache
    def run(*options) -> Path:
        words = ["--data", tiny_data, "--size", 28, "--epochs", 1, "--batch-size", 8, "--width", 0.25, "--fc", 16]
        out = tmp_path_factory.mktemp("short") / "run"
        assert main(["train", *map(str, [*words, *options]), "--out", str(out)]) == 0
        return out

    return run


@pytest.mark.parametrize("name", CHANGES)
def test_an_option_changes_the_numbers_and_the_run_can_be_evaluated(cli, short_run, name):
    """An option that is parsed and then forgotten would leave the numbers as they are."""
    value, both = CHANGES[name]
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    flag = ["--" + name.replace("_", "-")] + ([] if value is True else [text])
    plain, other = short_run(*both), short_run(*both, *flag)
    assert metrics(plain)[1][2] != metrics(other)[1][2]  # the loss
    assert json.loads((other / "config.json").read_text())[name] == value
    error = json.loads((other / "result.json").read_text())["best"]["val_top1_error"]
    assert f"top-1 error {error:.2f}%" in cli("evaluate", other).out


def test_colour_and_jitter_are_for_training_alone(tiny_data):
    config = resolve({"size": 28, "batch_size": 8, "jitter": [28, 60], "colour": 3.0})
    sets = [data.open_dataset(tiny_data, split) for split in ("train", "val")]
    statistics = data.compute_statistics(sets[0], views(28)[1])

    def pixels(x):
        return x.transpose(0, 2, 3, 1) * statistics.std + statistics.mean

    seen, tested = loaders(config, *sets, statistics)
    (first, _), (again, _) = next(tested.epoch(0)), next(tested.epoch(5))
    assert (first == again).all()
    assert abs(pixels(first)[0] - sets[1].image(0)[2:30, 2:30]).max() < 1e-3
    beyond = pixels(next(seen.epoch(1))[0])
    assert beyond.max() > 256 or beyond.min() < -1  # a strong shift leaves the range of a pixel


WRONG = [
    ("lr = -1", "lr is -1; expected a number above 0"),
    ("rate = 1", "'rate' is not an option of a run", "lr"),
    ("lr", "is not a TOML configuration"),
    ("plateau = 3", "plateau is 3", "true or false"),
    ('plateau = "true"', "plateau is 'true'", "true or false; write plateau = true"),
    ('model = "vgg"', "model is 'vgg'", "lab14"),
    ('init = "unfilled"', "init is 'unfilled'", "he-backward"),
    ("lr = true", "lr is True; expected a number above 0"),
    ('epochs = "3"', "epochs is '3'; expected an integer of at least 1; write epochs = 3"),
    ("epochs = true", "epochs is True; expected an integer"),
    ("epochs = 3.0", "epochs is 3.0; expected an integer"),
    ("epochs = [3]", "epochs is [3]; expected an integer"),
    ("epochs = 2026-11-28", "epochs is datetime.date(2026, 11, 28); expected an integer"),
    ("epochs = 9223372036854775808", "epochs is 9223372036854775808; expected an integer"),
    ("[epochs]\na = 1", "epochs is {'a': 1}; expected an integer"),
    ("lr = nan", "lr is nan; expected a number above 0"),
    ("lr = 1" + 400 * "0", "lr is 1000", "expected a number above 0"),
    ("lr = 1" + 5000 * "0", "is not a TOML configuration", "digits"),
    ("lr = 0x" + 5000 * "f", "lr is a number of more than 4000 digits; expected a number above 0"),
    ("data = 3", "data is 3; expected a text"),
    ('data = ""', "data is ''; expected a text"),
    ('data = "a\\u0000b"', "data is 'a\\x00b'; expected a text"),
    ('data = "' + 5000 * "a" + '"', "data: 'aaa", "is too long for a path"),
    ("jitter = [512, 256]", "jitter is [512, 256]; expected two rising sizes"),
    ('levels = ["3", "2"]', "levels is ['3', '2']; expected a list of pyramid levels"),
    ('levels = "3,2"', "levels is '3,2'; expected a list of pyramid levels", "; write levels = [3, 2]"),
    ('lr = "0,005"', "lr is '0,005'; expected a number above 0; write lr = 0.005"),
    ('lr = "fast"', "lr is 'fast'; expected a number above 0"),
    ('activation = "prelo"', "activation is 'prelo'; expected one of: prelu", "did you mean prelu?"),
    ("epoch = 3", "'epoch' is not an option of a run", "did you mean epochs?"),
    ("learning_rate = 3", "'learning_rate' is not an option of a run", "did you mean lr?"),
    ("batchsize = 3", "'batchsize' is not an option of a run", "did you mean batch_size?"),
    (
        "# A title\n\nwith words\n",
        "is not a TOML configuration (",
        "expected lines such as lr = 0.005 and, in the ",
        "milestones = [12, 17]; minidelve train --show-config prints one",
    ),
    ("lr = 0,005", "is not a TOML configuration (", "expected lines such as lr = 0.005"),
    (' {"lr": 0.1}', "is not a TOML configuration (it looks like JSON: a run's config.json is a record", "--resume"),
    ("milestones = 3.5", "milestones is 3.5", "rising epoch numbers"),
    ("plateau = true\nmilestones = [3]", "plateau and milestones exclude each other"),
    ("batch-size = 1\nbatch_size = 2", "batch_size is in it twice", "keep one"),
    ("lr = 1\nlr = 2", "is not a TOML configuration"),
    ("a = " + 5000 * "[", "is not a TOML configuration (it is nested too deeply)"),
    ("a." * 5000 + "b = 1", "'a' is not an option of a run"),
    ('"a\\u001b[31m\\u202e" = 1', r"'a\x1b[31m\u202e' is not an option"),
    ('"' + 5000 * "a" + '" = 1', "aaa…aaa"),
    ("lr = 1 #" + 17_000 * " ", "is not a TOML configuration (it is longer than 16,384 bytes)"),
    ("lr = 1\0", "is not a TOML configuration"),
]


def test_a_wrong_or_missing_file_is_one_line(refused, tmp_path):
    options = ["--config", tmp_path / "bad.toml", "--out", tmp_path / "x"]
    refused(["train", *options], "bad.toml cannot be read")
    for content, *parts in WRONG:
        (tmp_path / "bad.toml").write_text(content)
        assert len(refused(["train", *options], "bad.toml", *parts)) < 1500
    (tmp_path / "bad.toml").write_bytes(b"data = '\xff'")
    refused(["train", *options], "bad.toml is not a TOML configuration ('utf-8' codec can't decode byte 0xff")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_encoded_as_windows_does(shown, tmp_path, encoding):
    (tmp_path / "a.toml").write_text('data = "/ü"\nlr = 1\nmilestones = []\n', encoding=encoding)
    options = shown("--config", tmp_path / "a.toml")
    assert (options["data"], options["lr"]) == ("/ü", 1.0) and "milestones" not in options


def test_the_same_command_resumes_a_recipe_that_was_shortened(ok, refused, quick, tmp_path):
    """Milestones and length that the recipe would have do not count as given."""
    small = ["--model", "small14", "--width", 0.125, "--fc", 16, "--short-side", 32, "--jitter", "28,32"]
    train = ["train", *quick, "--recipe", "paper-large", *small, "--out", tmp_path / "run", "--epochs"]
    ok(*train, 1)
    said = ok(*train, 2, "--resume")
    assert "resuming after epoch 1" in said and "epoch   2/2" in said
    refused([*train, 2, "--resume", "--lr", 0.5], "--lr 0.5 differs from the run's 0.01")


def test_show_config_refuses_what_training_would(refused):
    for options, part in (
        ("--aux-after nope", "aux_after 'nope'"), ("--slope 0.1", "prelu has no fixed slope"),
        ("--size 3", "--size 3 is too small"), ("--warm-start no/where", "no/where"),
    ):  # fmt: skip
        refused(["train", "--show-config", *options.split()], part)


def test_a_store_that_is_too_small_for_the_scales_is_noted(ok, quick, tiny_data, tmp_path):
    ok("data", "pack", tiny_data, tmp_path / "store", "--short-side", 30)
    options = ["train", *quick, "--data", tmp_path / "store", "--jitter"]
    said = ok(*options, "28,40", "--out", tmp_path / "run")
    assert "note: the images of store were packed with a shorter side of 30; for scales up to 40" in said
    assert "note:" not in ok(*options, "28,30", "--out", tmp_path / "other")


def test_a_deterministic_run_is_the_same_on_one_thread_and_on_two(ok, quick, tmp_path, monkeypatch):
    monkeypatch.setattr("minidelve.commands.arguments.usable_cores", lambda: 2)  # or a remark is made
    for count in (1, 2):
        ok("train", *quick, "--threads", count, "--deterministic", "--out", tmp_path / str(count))
    one, two = (bits(tmp_path / name / "last.npz") for name in "12")
    assert all(one[name] == two[name] for name in one if name.startswith("model/"))
