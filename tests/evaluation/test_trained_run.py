"""minidelve.load: a run, and what it says of pictures and data sets, which is what the commands say."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minidelve
from minidelve import data, models, nn
from minidelve.cli import main
from minidelve.errors import CheckpointError, DataError, Diverged, RunError, UserError
from minidelve.evaluation import ensemble, runs, trained_run
from minidelve.evaluation.given_images import described
from minidelve.evaluation.runs import Evaluation
from minidelve.training.checkpoint import Checkpoint, save
from minidelve.training.config import Config
from tests.commands.runs import altered
from tests.helpers import raises

SIZE = 28


@pytest.fixture(scope="module")
def path(tiny_data, tmp_path_factory) -> Path:
    """A run folder as two epochs would leave it; the weights have learned nothing."""
    config = Config(data=str(tiny_data), model="lab14", size=SIZE, width=0.5, fc=32)
    train = data.open_dataset(tiny_data, "train")
    statistics = data.compute_statistics(train, data.CenterCrop(SIZE))
    network = models.from_config(asdict(config), len(train.classes))
    rng = np.random.default_rng(5)
    for parameter in network.parameters():
        parameter.data += 0.02 * rng.standard_normal(parameter.shape, np.float32)
    epoch = {
        "lr": 0.01, "train_loss": 1.25, "train_top1_error": 60.0, "val_top1_error": 50.0, "val_top5_error": None,
        "seconds": 1.0, "images_per_second": 48.0,
    }  # fmt: skip
    meta = {
        "config": asdict(config), "std": statistics.std, "classes": train.classes,
        "class_names": [f"{name}, <b>{name}" for name in train.classes], "schedule": {}, "lr": 0.01, "skipped": {},
        "history": [epoch | {"epoch": 1}, epoch | {"epoch": 2, "val_top1_error": 43.75}],
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("runs") / "first"
    folder.mkdir()
    save(folder / "best.npz", Checkpoint(network.state_dict(), [], statistics.mean, meta))
    return folder


@pytest.fixture
def run(path):
    return minidelve.load(path)


@pytest.fixture
def pictures(tiny_data) -> list[Path]:
    return sorted((tiny_data / "val").rglob("*.png"))


def pixels_of(paths: list[Path]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in paths])


# -- what it is ------------------------------------------------------------------------------------


def test_a_run_has_its_network_its_classes_and_its_history(run, path):
    assert isinstance(run.network, nn.Sequential) and not run.network.training
    assert run.classes == ["blue", "green", "red", "yellow"] and run.class_names[0] == "blue, <b>blue"
    assert run.statistics.mean.shape == (SIZE, SIZE, 3) and run.size == SIZE
    assert [row["epoch"] for row in run.history] == [1, 2] and run.config["model"] == "lab14"
    for other in (str(path), path / "best.npz"):
        assert minidelve.load(other).history == run.history


def test_it_prints_and_shows_itself_with_every_name_escaped(run, path):
    assert f"run {path}" in repr(run) and "lab14 (prelu)" in repr(run) and "43.75%, after epoch 2" in repr(run)
    shown = run._repr_html_()
    assert "<b>blue" not in shown and "&lt;b&gt;blue" in shown
    assert ">conv3_6<" in shown and ">16 x 14 x 14<" in shown  # the layers, for images of the run's size


def test_its_curves_are_a_figure_that_a_notebook_shows(run, tmp_path, path):
    from matplotlib.figure import Figure

    figure = run.plot_curves()
    assert isinstance(figure, Figure) and figure._repr_png_().startswith(b"\x89PNG")
    assert [list(line.get_ydata()) for line in figure.axes[1].lines] == [[60.0, 60.0], [50.0, 43.75]]
    bare = altered(path / "best.npz", tmp_path / "bare.npz", lambda arrays, meta: meta.update(history=[]))
    raises(RunError, minidelve.load(bare).plot_curves, "bare.npz has no finished epoch", "train it first")


def test_it_lists_its_first_five_classes_and_says_where_there_are_more(run):
    run.class_names = [*"abcde"]
    assert run.facts()["classes"] == "4: a, b, c, d, e"
    run.classes, run.class_names = [*"abcdef"], [*"abcdef"]
    assert run.facts()["classes"] == "6: a, b, c, d, e, ..."


def test_a_run_whose_folder_looks_like_html_is_shown_as_text(path, tmp_path):
    (tmp_path / "<i>").symlink_to(path)
    assert "<i>" not in minidelve.load(tmp_path / "<i>")._repr_html_()


def test_a_run_computes_where_it_was_told_to(path, monkeypatch):
    before, asked = runs.load, []
    monkeypatch.setattr(trained_run, "check_device", asked.append)
    monkeypatch.setattr(runs, "load", lambda path, device: asked.append(device) or before(path, "cpu"))
    assert minidelve.load(path, "cuda").device == "cuda" and asked == ["cuda", "cuda"]


# -- what it says of pictures ----------------------------------------------------------------------


def test_probabilities_are_to_the_bit_what_evaluate_counts(run, path, tiny_data, pictures, monkeypatch):
    counted = []

    def group_scores(members, group, before=ensemble.group_scores):
        for p in before(members, group):
            counted.append(p)
            yield p

    monkeypatch.setattr(ensemble, "group_scores", group_scores)
    assert main(["evaluate", str(path), "--batch-size", "5"]) == 0
    np.testing.assert_array_equal(run.predict_proba(pictures, batch_size=5), np.concatenate(counted))


def test_predictions_are_what_the_command_prints(run, path, pictures, tmp_path, capsys):
    capsys.readouterr()
    chosen = [str(picture) for picture in pictures[::3]]
    assert main(["predict", str(path), *chosen, "--truth", "nothing"]) == 2
    assert main(["predict", str(path), *chosen, "--top", "2", "--out", str(tmp_path / "p.png")]) == 0
    said = capsys.readouterr().out
    for line in repr(run.predict(chosen, top=2)).splitlines():
        assert line in said or line in [f"{picture}" for picture in chosen]
    scores = run.predict_proba(chosen)
    for prediction, p in zip(run.predict(chosen, top=9), scores, strict=True):
        assert [name for name, _ in prediction.classes] == [run.class_names[k] for k in np.argsort(-p)]
        assert [share for _, share in prediction.classes] == sorted(p.tolist(), reverse=True)


def test_pictures_come_as_paths_arrays_and_pillow_images_one_or_many(run, pictures):
    paths, array = pictures[:3], pixels_of(pictures[:3])
    expected = run.predict_proba(paths)
    assert expected.shape == (3, 4) and expected.dtype == np.float64
    np.testing.assert_allclose(expected.sum(axis=1), 1)
    assert abs(expected[0] - expected[1]).max() > 1e-3  # else nothing below would say anything
    for many in (array, list(array), [Image.open(path) for path in paths], map(str, paths), (*paths[:2], array[2])):
        np.testing.assert_array_equal(run.predict_proba(many), expected)
    for one in (paths[1], str(paths[1]), array[1], Image.open(paths[1])):
        np.testing.assert_allclose(run.predict_proba(one), expected[1:2], rtol=1e-4)
        assert len(run.predict(one)) == 1
    for none in ([], array[:0]):
        assert run.predict_proba(none).shape == (0, 4) and run.predict(none) == []


def test_a_photograph_is_turned_upright_and_an_array_is_not(run, pictures, tmp_path):
    pixels, exif = pixels_of(pictures[:1])[0], Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    for given in (tmp_path / "turned.png", Image.open(tmp_path / "turned.png"), pixels[::-1, ::-1]):
        np.testing.assert_array_equal(run.predict_proba(given), run.predict_proba(pixels[::-1, ::-1].copy()))


def test_batches_of_any_size_give_the_same(run, pictures):
    expected = run.predict_proba(pictures)
    for batch_size in (1, 7, 100):
        np.testing.assert_allclose(run.predict_proba(pictures, batch_size), expected, rtol=1e-4)


def test_pictures_of_any_size_are_seen_as_the_run_tests_them(run, rng):
    large = rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)
    seen = data.Compose([data.ShrinkShorterSide(32), data.CenterCrop(SIZE)])(large, rng)
    np.testing.assert_array_equal(run.predict(large)[0].view, seen)
    np.testing.assert_array_equal(run.predict_proba(large), run.predict_proba(seen))
    assert run.predict_proba([large, seen, large[:40]]).shape == (3, 4)


def test_a_run_with_its_own_shorter_side_is_shown_pictures_of_it(path, tmp_path, pictures, rng):
    own = altered(path / "best.npz", tmp_path / "own.npz", lambda arrays, meta: meta["config"].update(short_side=40))
    seen = data.Compose([data.ResizeShorterSide(40), data.CenterCrop(SIZE)])(pixels_of(pictures[:1])[0], rng)
    np.testing.assert_array_equal(minidelve.load(own).predict(pictures[0])[0].view, seen)


def test_dropout_is_off_whatever_the_network_was_last_used_for(run, pictures):
    expected = run.predict_proba(pictures[:2])
    run.network.train()
    np.testing.assert_array_equal(run.predict_proba(pictures[:2]), expected)
    assert run.evaluate().errors == minidelve.load(run.name).evaluate().errors and run.network.training


def test_a_crop_that_is_larger_than_the_usual_memory_is_seen_all_the_same(run, pictures, monkeypatch):
    expected = run.predict_proba(pictures[:2], batch_size=1)
    monkeypatch.setattr("minidelve.evaluation.predict.MAX_MEMORY", 1000)
    np.testing.assert_array_equal(run.predict_proba(pictures[:2]), expected)


def test_what_was_predicted_stays_when_the_callers_array_changes(run, pictures):
    frame = pixels_of(pictures[:1])[0][2:-2, 2:-2]
    before, prediction = frame.copy(), run.predict(frame)[0]
    frame[...] = 0
    np.testing.assert_array_equal(prediction.view, before)


def test_predictions_are_drawn(run, pictures, capfd):
    predictions = run.predict(pictures[:2])
    assert predictions._repr_png_().startswith(b"\x89PNG")
    assert len(predictions.plot().axes) == 4  # two pictures and their bars
    none = run.predict([])
    raises(RunError, none.plot, "no pictures")
    assert repr(none) == "no pictures" and none._repr_png_() is None
    assert capfd.readouterr() == ("", "")  # no figure is tried, of which it would be said that it cannot be drawn


def test_five_classes_are_predicted_unless_told_otherwise(run, pictures):
    run.class_names = run.class_names + run.class_names  # of which the network scores four
    run.network.fc3 = nn.Linear(32, 8)
    assert len(run.predict(pictures[0])[0].classes) == 5


def test_a_class_whose_name_the_font_lacks_may_be_drawn_by_its_id(run, pictures, monkeypatch):
    given = []
    monkeypatch.setattr(trained_run, "figure_of", lambda *arguments: given.append(arguments[2]))
    run.predict(pictures[0]).plot()
    assert given[0]["blue, <b>blue"] == ("blue", "class 0")


# -- what it finds on a data set -------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["center", "ten-view", "dense"])
def test_evaluate_finds_what_the_command_finds(run, path, tmp_path, protocol, tiny_data):
    out = tmp_path / "out"
    options = ["--protocol", protocol, "--scales", "30,34", "--out", str(out), "--data", str(tiny_data)]
    assert main(["evaluate", str(path), *options]) == 0
    rows = json.loads((out / "evaluation.json").read_text())["rows"]
    found = run.evaluate(tiny_data, protocol, scales=[30, 34])
    assert [row["cross_entropy"] for row in rows] == [row.tally.errors().loss for row in found.rows]
    assert found.errors.top1 == rows[-1]["top1_error"] and found.errors.images == 16
    assert isinstance(found, Evaluation) and "all scales" in repr(found)


def test_evaluate_takes_an_opened_data_set_and_another_split(run, tiny_data):
    train = data.open_dataset(tiny_data, "train")
    assert run.evaluate(train).errors == run.evaluate(split="train").errors != run.evaluate().errors
    assert run.evaluate(train).errors.images == 48


# -- what is wrong is said in one line -------------------------------------------------------------


def test_what_is_no_run_is_refused(tmp_path, path):
    (tmp_path / "text.npz").write_text("text")
    np.savez(tmp_path / "weights.npz", weight=np.ones(3))

    def spoil(arrays, meta):
        arrays["model/fc3.bias"][0] = np.nan

    altered(path / "best.npz", tmp_path / "nan.npz", spoil)
    for name, *parts in (
        ("", "without best.npz or last.npz", "minidelve train"), ("none", "neither a run folder nor"),
        ("text.npz", "not an intact checkpoint"), ("weights.npz", "not an intact checkpoint"),
        ("nan.npz", "fc3.bias is not finite", "had diverged"),
    ):  # fmt: skip
        raises(CheckpointError, lambda name=name: minidelve.load(tmp_path / name), str(tmp_path / name), *parts)
    raises(RunError, lambda: minidelve.load(7), "the run is an int, 7", "expected the path")
    raises(RunError, lambda: minidelve.load(path, "gpu"), "device is 'gpu'", "'cpu' or 'cuda'")
    raises(TypeError, lambda: minidelve.load(path, map_location="cpu"), "takes no map_location=; write device=")


def test_a_network_that_diverges_is_named_with_the_picture(run, pictures):
    run.network.fc3.bias.data[...] = np.inf
    raises(Diverged, lambda: run.predict_proba(pictures[0]), str(pictures[0]), "not finite", "smaller --lr")


WRONG = {
    "floats": (np.zeros((4, 32, 32, 3), np.float32), "images: an array of float32", "uint8, from 0 to 255", "255 * x"),
    "channels first": (np.zeros((2, 3, 40, 40), np.uint8), "(2, 3, 40, 40)", "x.transpose(0, 2, 3, 1)"),
    "one, channels first": (
        np.zeros((3, 40, 40), np.uint8),
        "expected (H, W, 3) or (N, H, W, 3)",
        "transpose(1, 2, 0)",
    ),
    "gray": (np.zeros((32, 32), np.uint8), "of shape (32, 32)", "expected (H, W, 3)"),
    "too small": ([np.zeros((40, 40, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)], "image 1: is 30 x 20", "28 x 28"),
    "several in a list": ([np.zeros((2, 32, 32, 3), np.uint8)], "image 0: an array", "expected (H, W, 3)"),
    "a number": (3, "images: is an int, 3", "expected a path"),
    "a number in a list": ([0.5], "image 0: is a float, 0.5", "expected a path"),
    "bytes": (b"\x89PNG", "images: is a bytes", "expected a path"),
    "a dict": ({"a.png": np.zeros((32, 32, 3), np.uint8)}, "images: is a dict"),
    "no file": ("none.png", "none.png: cannot be read", "check the path"),
    "no picture": ([__file__], "test_trained_run.py: is neither JPEG nor PNG"),
    "16 bits": (Image.new("I;16", (32, 32)), "the image: its mode is I;16", "8 bits a channel"),
}


@pytest.mark.parametrize(("images", "parts"), [(w[0], w[1:]) for w in WRONG.values()], ids=WRONG)
def test_pictures_that_are_none_are_named_in_one_line(run, images, parts):
    raises(DataError, lambda: run.predict(images), *parts)
    raises(DataError, lambda: run.predict_proba(images), *parts)


def test_a_file_that_pillow_opened_and_cannot_read_is_named(run, pictures, tmp_path):
    cut = tmp_path / "cut.png"
    cut.write_bytes(pictures[0].read_bytes()[:600])
    with Image.open(cut) as opened:
        raises(DataError, lambda: run.predict(opened), str(cut), "is broken or truncated")


def test_an_empty_path_is_refused(run):
    with pytest.raises(UserError, match="load: the run is a str, ''; expected the path of a run folder"):
        minidelve.load("")
    with pytest.raises(UserError, match="the image: is a str, ''; expected a path"):
        run.predict("")
    with pytest.raises(UserError, match="evaluate: data is ''; expected a path, 'toy'"):
        run.evaluate("")


def test_a_path_in_bytes_is_refused(run, pictures):
    with os.scandir(os.fsencode(pictures[0].parent)) as found:
        raises(DataError, lambda: run.predict(next(found)), "the image: is a path in bytes, '", "expected text")


def test_what_is_expected_in_a_list_is_one_picture_and_no_more(run):
    with pytest.raises(DataError, match=r"; expected \(H, W, 3\)$"):
        run.predict([np.zeros((2, 32, 32, 3), np.uint8)])


def test_integers_are_not_advised_to_be_multiplied_by_255(run):
    with pytest.raises(DataError, match="an array of int64 of .*; expected uint8, from 0 to 255$"):
        run.predict(np.zeros((32, 32, 3), np.int64))


def test_the_article_is_that_of_the_kind():
    said = [described(value) for value in (3, 0.5, Image.new("L", (1, 1)))]
    assert said[:2] == ["is an int, 3", "is a float, 0.5"] and said[2].startswith("is an Image")


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 5, 3), (2, 0, 4, 3)])
def test_an_array_without_pixels_is_refused(run, shape):
    raises(DataError, lambda: run.predict(np.zeros(shape, np.uint8)), str(shape), "at least one pixel")


@pytest.mark.parametrize("top", [0, -1, 2.0, "3", True, None])
def test_a_wrong_top_is_refused(run, pictures, top):
    raises(RunError, lambda: run.predict(pictures[0], top=top), f"top is {top!r}", "integer of at least 1")


def test_a_wrong_way_of_testing_is_refused(run, tmp_path):
    for call, *parts in (
        (lambda: run.evaluate(protocol="full"), "protocol is 'full'", "center, ten-view, dense"),
        (lambda: run.evaluate(scales=256), "scales are 256", "[256, 384]"),
        (lambda: run.evaluate(scales=[20]), "a scale of 20", "at least 28"),
        (lambda: run.evaluate(scales=[]), "scales are []", "at least one"),
        (lambda: run.evaluate(flip="no"), "flip is 'no'", "True, False or None"),
        (lambda: run.evaluate(flip=3), "flip is 3", "True, False or None"),
        (lambda: run.evaluate(batch_size=0), "batch_size is 0", "at least 1"),
        (lambda: run.evaluate(data=5), "data is 5", "expected a path"),
        (lambda: run.evaluate(np.zeros((2, 3))), "data is array(", "expected a path"),
        (lambda: run.evaluate("toy"), "toy has 10 classes", "the 4 the run was trained on"),
        (lambda: run.evaluate(tmp_path / "none"), str(tmp_path / "none")),
        (lambda: run.evaluate(split="test"), "no split 'test'"),
    ):
        raises(ValueError, call, *parts)
