"""`minidelve predict`: five likeliest classes as text and as a drawing."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from minidelve.evaluation.predict import FIRST, OTHER, RIGHT, Prediction, bar_colours, draw
from tests.commands.runs import altered


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "reddish.jpg"
    Image.new("RGB", (64, 48), (200, 60, 60)).save(path)
    return path


def test_classes_come_with_probabilities_best_first(ok, trained, tiny_data, tmp_path, picture):
    out = tmp_path / "p.png"
    said = ok("predict", trained, picture, tiny_data / "val" / "blue" / "00.png", "--out", out)
    first, second = said.split(str(tiny_data))
    shares = [float(p) for p in re.findall(r"([\d.]+)%", first)]
    assert first.startswith(str(picture)) and len(shares) == 4  # there are only four classes
    assert shares == sorted(shares, reverse=True) and abs(sum(shares) - 100) < 0.3
    assert set(re.findall(r"%  (\w+)", second)) == {"red", "green", "blue", "yellow"}
    with Image.open(out) as drawn:
        assert np.asarray(drawn.convert("L")).std() > 10  # not an empty sheet
    assert len(re.findall("%", ok("predict", trained, picture, "--top", 2, "--out", tmp_path / "q.png"))) == 2


def test_a_drawing_is_never_replaced_unasked(ok, refused, trained, tmp_path, picture, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawing = tmp_path / "prediction.png"
    assert "drawn in prediction.png" in ok("predict", trained, picture)
    drawing.write_text("mine")
    assert "drawn in prediction-2.png" in ok("predict", trained, picture)
    given = ["predict", trained, picture, "--out", "prediction.png"]
    refused(given, "--out prediction.png exists", "--overwrite")
    assert drawing.read_text() == "mine"
    ok(*given, "--overwrite")
    assert drawing.read_bytes().startswith(b"\x89PNG")


def test_more_pictures_than_fit_are_said_not_to_be_drawn(ok, trained, tmp_path, picture, monkeypatch):
    monkeypatch.setattr("minidelve.commands.predict.MOST_DRAWN", 2)
    said = ok("predict", trained, *[picture] * 3, "--top", 1, "--out", tmp_path / "p.svg")
    assert said.count("reddish.jpg") == 3 and "(the first 2 pictures)" in said


def test_bad_pictures(refused, trained, tmp_path, picture):
    Image.new("RGB", (27, 90)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "cut.jpg").write_bytes(picture.read_bytes()[:300])
    for name, *parts in (
        ("small.png", "27 x 90 pixels", "at least 28 x 28", "larger image"),
        ("cut.jpg", "broken or truncated", "fetch"),
        ("text.png", "neither JPEG nor PNG", "convert it"), ("none.png", "cannot be read", "check the path"),
    ):  # fmt: skip
        options = [picture, tmp_path / name, "--out", tmp_path / "p.png"]
        refused(["predict", trained, *options], tmp_path / name, *parts)


def test_bad_places_for_the_drawing(refused, trained, tmp_path, picture):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for out, *parts in (
        ("p.gif", "ends in .gif", "expected .png"), ("p", "ends in nothing", "expected .png"),
        ("folder.png", "is a folder"), ("no/p.png", "there is no folder"), ("file/p.png", "there is no folder"),
    ):  # fmt: skip
        refused(["predict", trained, picture, "--out", tmp_path / out], tmp_path / out, *parts)


# ---- pictures whose right class is known ----


def test_truth_by_id_or_name_is_said_and_marked(ok, trained, tmp_path, picture):
    said = ok("predict", trained, picture, "--truth", "red", "--out", tmp_path / "p.png")
    assert f"{picture} (GT: red)\n" in said and len(re.findall(r"^ +[\d.]+%  red  <- right$", said, re.M)) == 1
    assert said.count("<- right") == 1
    assert "GT" not in ok("predict", trained, picture, "--out", tmp_path / "q.png")


def test_the_folder_of_a_picture_says_its_class_if_it_is_called_so(ok, trained, tiny_data, tmp_path):
    blue, elsewhere = tiny_data / "val/blue/00.png", tmp_path / "other/a.png"
    inner = tmp_path / "red/images/b.png"
    for copy in (elsewhere, inner):
        copy.parent.mkdir(parents=True)
        shutil.copy(blue, copy)
    said = ok("predict", trained, blue, elsewhere, inner, "--out", tmp_path / "p.png")
    assert f"{blue} (GT: blue)" in said and f"{elsewhere}\n" in said and f"{inner} (GT: red)" in said
    assert said.count("<- right") == 2
    assert "(GT: red)" in ok("predict", trained, blue, "--truth", "red", "--out", tmp_path / "q.png")


def test_patterns_are_expanded_and_one_without_a_file_is_named(ok, refused, trained, tiny_data, tmp_path):
    said = ok("predict", trained, f"{tiny_data}/val/*/0[01].png", "--out", tmp_path / "p.png")
    files = re.findall(r"^\S+/(\w+)/(\d+).png \(GT: (\w+)\)$", said, re.M)
    assert files == [(c, n, c) for c in ("blue", "green", "red", "yellow") for n in ("00", "01")]
    (tmp_path / "a[0].png").write_bytes((tiny_data / "val/red/00.png").read_bytes())
    assert "a[0].png" in ok("predict", trained, tmp_path / "a[0].png", "--out", tmp_path / "q.png")
    pattern = tmp_path / "*.gif"
    refused(["predict", trained, pattern, "--out", tmp_path / "r.png"], f"{pattern}: no file has such a name")


NAMES = {"blue": "azure, cerulean", "green": "emerald", "red": "scarlet, crimson", "yellow": "gold, amber"}


@pytest.fixture
def sure(trained, tmp_path):
    """A run whose classes have names of their own, and that likes red best, then blue, yellow and green."""

    def change(arrays, meta):
        assert meta["classes"] == list(NAMES)
        meta["class_names"] = list(NAMES.values())
        arrays["model/fc3.weight"] *= 0
        arrays["model/fc3.bias"][:] = 2, 0, 3, 1

    return altered(trained / "best.npz", tmp_path / "sure.npz", change)


def test_ids_names_and_probabilities_belong_together(ok, sure, tiny_data, tmp_path, picture):
    out = ["--out", tmp_path / "p.png", "--overwrite"]
    for truth in ("red", "scarlet, crimson", "scarlet"):
        said = ok("predict", sure, picture, "--truth", truth, *out).splitlines()
        assert said[0] == f"{picture} (GT: scarlet, crimson)"
        assert [line.split("%  ")[1] for line in said[1:5]] == [
            "scarlet, crimson  <- right", "azure, cerulean", "gold, amber", "emerald"
        ]  # fmt: skip
    shares = np.exp([3, 2, 1, 0]) / np.exp([3, 2, 1, 0]).sum()
    assert [float(line.split("%")[0]) for line in said[1:5]] == pytest.approx(100 * shares, abs=0.051)
    said = ok("predict", sure, "--data", tiny_data, "--count", 8, *out)
    shown = re.findall(r"^(\S+) \(GT: (.*)\)$", said, re.M)
    assert len(shown) == 8 and all(truth == NAMES[path.split("/")[-2]] for path, truth in shown)
    marked = re.findall(r"^ +[\d.]+%  (.*)  <- right$", said, re.M)
    assert marked == [truth for _, truth in shown]


def test_pictures_of_a_data_set_come_with_their_classes(ok, trained, tiny_data, tmp_path):
    def shown(*options):
        said = ok("predict", trained, "--data", tiny_data, *options, "--out", tmp_path / "p.png", "--overwrite")
        return re.findall(r"^(\S+) \(GT: (\w+)\)$", said, re.M)

    six = shown("--count", 6, "--seed", 1)
    assert len(six) == len(set(six)) == 6 and all(f"/val/{truth}/" in path for path, truth in six)
    assert shown("--count", 6, "--seed", 1) == six != shown("--count", 6, "--seed", 2)
    assert len(shown()) == 12 and len(shown("--count", 99)) == 16
    assert all(f"/train/{truth}/" in path for path, truth in shown("--split", "train"))


def test_the_right_class_has_its_own_colour_and_is_above_the_picture(tmp_path):
    classes = [("tench", 0.6), ("goldfish, Carassius auratus", 0.3), ("eel", 0.1)]
    view = np.zeros((8, 8, 3), np.uint8)
    unknown = Prediction("a.png", view, classes)
    right = Prediction("a.png", view, classes, truth="goldfish, Carassius auratus")
    missed = Prediction("a.png", view, classes, truth="shark")
    assert bar_colours(unknown) == [FIRST, OTHER, OTHER]
    assert bar_colours(right) == [OTHER, RIGHT, OTHER] and bar_colours(missed) == [OTHER] * 3
    drawings = [draw([p], "title", "svg").decode() for p in (unknown, right, missed)]
    assert [RIGHT in drawing for drawing in drawings] == [False, True, False]
    assert ["GT: goldfish" in drawing for drawing in drawings] == [False, True, False]
    assert "GT: shark" in drawings[2] and "a.png" in drawings[0]
    meanings = ["the right class</", "the likeliest (the right", "other classes"]
    shown = [[f"<!-- {meaning.removesuffix('</')}" in drawing for meaning in meanings] for drawing in drawings]
    assert shown == [[False, True, True], [True, False, True], [False, False, True]]


def test_a_picture_alone_lacks_the_run(refused, picture):
    refused(["predict", picture], f"{picture} is neither a run folder nor an .npz file", "`minidelve train`")


def test_options_that_do_not_go_together(refused, trained, tmp_path, picture):
    for options, *parts in (
        ("", "no pictures", "IMAGE files", "--data"),
        (f"{picture.parent}", "is a folder; expected pictures", f"--data {picture.parent}"),
        (f"{picture} --data toy", "--data takes its own pictures", "reddish.jpg"),
        ("--data toy", "toy has 10 classes", "the 4 the run was trained on"),
        ("--data toy --truth red", "--truth red", "leave it out"),
        (f"{picture} --count 3", "--count", "--data"),
        (f"{picture} --truth yelow", "--truth yelow", "did you mean yellow?"),
        (f"{picture} --truth purple", "--truth purple", "its 4: blue, green, red, yellow"),
    ):
        refused(["predict", trained, *options.split(), "--out", tmp_path / "p.png"], *parts)
