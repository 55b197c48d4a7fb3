"""A mistake on the command line: one line, which says what may have been meant and where help is."""

import pytest

from minidelve.backend.threads import thread_count
from minidelve.cli import main, make_parser

MISTAKES = [
    (
        "train --dat toy",
        "minidelve train: there is no option '--dat'",
        "did you mean --data?",
        "minidelve train --help",
    ),
    ("train --data=toy --epoch=3", "no option '--epoch'", "did you mean --epochs?"),
    ("train -epochs 3", "no option '-epochs'", "did you mean --epochs?"),
    ("train epochs=3", "'epochs=3' has no place", "did you mean --epochs?"),
    ("train toy", "'toy' has no place", "did you mean --data toy?"),
    ("train model=lab14", "'model=lab14' has no place", "did you mean --model?"),
    ("train lab14", "'lab14' has no place", "did you mean --model lab14?"),
    ("train gpu", "'gpu' has no place", "did you mean --device cuda?"),
    ("train tests", "'tests' has no place", "did you mean --data tests?"),  # a folder that is there
    ("train --milestones 12 17 --seed 1", "'17' has no place", "did you mean --milestones 12,17?"),
    ("evaluate run --scales 256 384 480", "'384' has no place", "did you mean --scales 256,384,480?"),
    ("train --lr 0,005", "--lr: '0,005' is not a number above 0; write 0.005; minidelve train --help"),
    ("data split a b --val-fraction 10%", "--val-fraction: '10%' is not a number above 0 and below 1; write 0.1;"),
    ("evaluate run --scales 256;384", "--scales: '256;384' is not a list of different", "; write 256,384;"),
    ("evaluate run --max-memory 1,5GB", "--max-memory: '1,5GB' is not a size in KB, MB,", "or 4GB; write 1.5GB;"),
    *((f"evaluate run --max-memory {size}", f"'{size}' is not a size in") for size in ("9", "infGB", "nanGB")),
    ("train --epochs 3 5", "'5' has no place; minidelve train --help"),
    ("check-grad prelu", "'prelu' has no place", "did you mean --op prelu?"),
    ("check-grad prleu", "'prleu' has no place", "did you mean --op prelu?"),
    ("summary lab14 relu", "'relu' has no place", "did you mean --activation relu?"),
    ("summary lab14 small14", "'small14' has no place", "give one MODEL at a time"),
    ("reproduce table2 table4", "'table4' has no place", "give one ITEM at a time"),
    ("data toy val", "'val' has no place", "did you mean --split val?"),
    ("train --zzz", "no option '--zzz'; minidelve train --help"),
    ("train --epochs", "--epochs: expected one argument"),
    ("train --epochs x --wydth 2", "no option '--wydth'", "did you mean --width?"),  # first what may be the cause
    ("train --activation prelo", "--activation: there is no 'prelo'; expected one of: prelu,", "did you mean prelu?"),
    ("train --resume --overwrite", "--overwrite: not allowed with", "--resume"),
    ("predict --coutn 3", "no option '--coutn'", "did you mean --count?"),  # RUN is missing too
    ("evaluate", "minidelve evaluate: missing: RUN"),
    ("data pack", "minidelve data pack: missing: SRC, DST", "minidelve data pack --help"),
    ("data pakc here there", "no subcommand 'data pakc'", "did you mean data pack?"),
    ("data a b", "no subcommand 'data a'; expected data PATH, or data with one of: pack, fetch, subset, split; mini"),
    ("data pack a b --shortside 3", "no option '--shortside'", "did you mean --short-side?"),
    ("data fetch tiny-imagnet", "no 'tiny-imagnet'", "did you mean tiny-imagenet?"),
    ("reproduce tabel2", "ITEM|all: there is no 'tabel2'", "did you mean table2?"),
    ("reproduce --list fig3-rihgt", "no 'fig3-rihgt'", "did you mean fig3-right?"),
    ("reproduce class", "no 'class'", "did you mean --budget class?"),
    ("bench netwroks", "PART: there is no 'netwroks'", "did you mean networks?"),
    ("bench kernels torch", "no 'torch'", "did you mean --against torch?"),
    ("summary lab41", "MODEL: there is no 'lab41'", "did you mean lab14?"),
    ("summary --model lab14", "no option '--model'; write MODEL without one"),
    ("evaluate --run=runs/first", "no option '--run'; write RUN without one"),
    ("predict --model=runs/first a.png", "no option '--model'; write RUN without one"),
    ("predict runs/first --images a.png", "no option '--images'; write IMAGE without one"),
    ("reproduce --item table2", "no option '--item'; write ITEM|all without one"),
    ("data fetch --path x", "no option '--path'; minidelve data fetch"),
    ("data --path toy", "no option '--path'; write PATH|toy without one"),
    ("data --data toy", "no option '--data'; write PATH|toy without one"),
    ("data split set.zip --out new.zip", "no option '--out'; write DST without one"),
    ("train --device gpu", "--device: there is no 'gpu'", "did you mean cuda?"),
    ("train --gpu", "no option '--gpu'", "did you mean --device cuda?"),
    ("train --learning_rate=0.1", "no option '--learning_rate'", "did you mean --lr?"),
    ("predict --learning-rate 0.1", "no option '--learning-rate'; minidelve predict"),  # which it has not
    ("trian", "minidelve: there is no subcommand 'trian'; expected one of: train,", "did you mean train?"),
    ("eval runs/first", "no subcommand 'eval'", "did you mean evaluate?"),
    ("help", "did you mean --help?"),
    ("--hlep", "no option '--hlep'", "did you mean --help?"),
    ("", "a subcommand is missing; expected one of: train,", "minidelve --help"),
]


@pytest.mark.parametrize(("words", "parts"), [(words, parts) for words, *parts in MISTAKES], ids=lambda v: str(v)[:30])
def test_a_mistake_is_one_line_with_its_cure(refused, words, parts):
    refused(words.split(), *parts)


def test_what_was_given_is_shortened_and_cannot_move_the_cursor(refused):
    line = refused(["train", "--" + "x" * 5000 + "\x1b[2J\n"], "no option '--xxx")
    assert len(line) < 200 and line.isprintable()
    line = refused(["summary", "\x1b[2J" + "y" * 5000], "there is no", "lab14")
    assert line.isprintable() and "y…y" in line and "y" * 100 not in line


def test_what_stands_behind_two_dashes_is_no_option(refused):
    refused(["predict", "--", "--run", "--image"], "--run is neither a run folder nor an .npz file")


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["data", "pack", "--help"], ["--version"]])
def test_help_is_a_result_and_no_mistake(capsys, words):
    with pytest.raises(SystemExit, match="^0$"):
        main(words)
    out, err = capsys.readouterr()
    assert out.startswith(("usage: minidelve", "minidelve ")) and err == ""


def test_every_command_that_computes_takes_threads():
    commands = make_parser().subcommands.choices
    options = {name: set(parser._option_string_actions) for name, parser in commands.items()}
    computing = {name for name in commands if "--device" in options[name]}
    assert computing == {"train", "evaluate", "predict", "reproduce", "bench", "check-grad"}
    assert all({"--threads", "--deterministic"} <= options[name] for name in computing)


def test_more_threads_than_cores_are_used_with_one_remark(cli, monkeypatch):
    used = []
    monkeypatch.setattr("minidelve.commands.check_grad.run", lambda args: used.append(thread_count()) or 0)
    monkeypatch.setattr("minidelve.commands.arguments.usable_cores", lambda: 2)
    said = [cli("check-grad", "--threads", count).err for count in (1, 2, 99)]
    assert used == [1, 2, 99] and said[:2] == ["", ""]
    assert said[2].count("\n") == 1 and "--threads 99" in said[2] and "2 cores; --threads 2 is faster" in said[2]
