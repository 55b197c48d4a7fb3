"""The files of --out and the table hold the figures of the right rows in the right columns."""

import json

import pytest

from minidelve.evaluation.ensemble import Row
from minidelve.evaluation.report import ReportFolder, classes_csv, table, worst_classes
from minidelve.evaluation.tally import Tally

NAMES = ["tench, Tinca tinca", "eel", "shark", "ray", "carp", "pike"]
CLASSES = [f"n0{i}" for i in range(1, 7)]


def tally(misses1, misses5, confusions, classes=6) -> Tally:
    """20 images of the first class, 10 of the second, none of the others."""
    counted = Tally(classes)
    counted.images[:2] = 20, 10
    counted.misses1[:2], counted.misses5[:2] = misses1, misses5
    counted.confusions[:2, :3] = confusions
    counted.loss = 15.0
    return counted


FIRST = tally((1, 2), (0, 1), [[0, 1, 0], [1, 0, 1]])
LAST = tally((10, 3), (5, 0), [[0, 4, 6], [3, 0, 0]])
ROWS = [Row("a", "256", FIRST), Row("ensemble", "all scales", LAST)]
LAST_CSV = """class,name,images,top1_error,top5_error,taken_for,taken_for_images
n01,"tench, Tinca tinca",20,50.000,25.000,shark,6
n02,eel,10,30.000,0.000,"tench, Tinca tinca",3
"""


def test_a_line_for_each_class_tested_and_no_rival_without_mistakes():
    assert classes_csv(LAST, CLASSES, NAMES) == LAST_CSV
    lines = classes_csv(tally((0, 3), (0, 0), [[0, 0, 0], [3, 0, 0]]), CLASSES, NAMES).splitlines()
    assert lines[1] == 'n01,"tench, Tinca tinca",20,0.000,0.000,,0'


def test_the_folder_has_every_row_and_the_classes_of_the_last(tmp_path):
    with ReportFolder(tmp_path / "out", overwrite=False) as folder:
        folder.write({"protocol": "dense"}, ROWS, CLASSES, NAMES)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["classes.csv", "evaluation.json"]
    assert (tmp_path / "out" / "classes.csv").read_text() == LAST_CSV
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written["protocol"] == "dense"
    assert written["rows"] == [
        {"run": "a", "scale": "256", "top1_error": 10.0, "top5_error": pytest.approx(10 / 3), "cross_entropy": 0.5,
         "images": 30},
        {"run": "ensemble", "scale": "all scales", "top1_error": pytest.approx(130 / 3),
         "top5_error": pytest.approx(50 / 3), "cross_entropy": 0.5, "images": 30},
    ]  # fmt: skip


def test_the_table_has_a_line_for_each_row():
    head, first, last = table(ROWS).splitlines()
    assert head.split("  ")[-3:] == ["top-1 error", "top-5 error", "cross entropy"]
    assert first.split() == ["a", "256", "10.00%", "3.33%", "0.5000"]
    assert last.split() == ["ensemble", "all", "scales", "43.33%", "16.67%", "0.5000"]


def test_the_worst_classes_are_told_with_what_they_are_taken_for():
    text = worst_classes(LAST, NAMES, 5)
    assert text.startswith("of 2 classes, 1 have no top-5 error and 0 no top-1 error\n")
    assert [line.split() for line in text.splitlines()[2:]] == [
        ["tench", "25.00%", "50.00%", "20", "shark", "(6),", "eel", "(4)"],
        ["eel", "0.00%", "30.00%", "10", "tench", "(3)"],
    ]  # fmt: skip


def test_of_at_most_five_classes_no_top5_error_is_told(tmp_path):
    few = tally((10, 3), (5, 0), [[0, 4, 6], [3, 0, 0]], classes=4)
    assert table([Row("a", "256", few)]).splitlines()[1].split() == ["a", "256", "43.33%", "-", "0.5000"]
    text = worst_classes(few, NAMES, 5).splitlines()
    assert text[0] == "of 2 classes, 0 have no top-1 error"
    assert text[2].split()[:3] == ["tench", "-", "50.00%"]
    assert classes_csv(few, CLASSES, NAMES).splitlines()[2].startswith("n02,eel,10,30.000,,")
    with ReportFolder(tmp_path / "out", overwrite=False) as folder:
        folder.write({}, [Row("a", "256", few)], CLASSES, NAMES)
    (row,) = json.loads((tmp_path / "out" / "evaluation.json").read_text())["rows"]
    assert row["top5_error"] is None and row["top1_error"] == pytest.approx(130 / 3)
