"""Checkpoints: everything comes back bit for bit, a bad file is named, a good one is never half replaced."""

import io
import json
import os
import time
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from minidelve import data, models, optim
from minidelve.errors import CheckpointError
from minidelve.training import checkpoint
from minidelve.training.checkpoint import Checkpoint
from minidelve.training.config import Config
from minidelve.training.state import Run

META = {
    "config": {"model": "lab14", "activation": "prelu", "init": "he"}, "std": 60.0, "classes": ["a", "b"],
    "class_names": ["A", "B"], "history": [], "schedule": {}, "lr": 0.1, "skipped": {},
}  # fmt: skip


def state(rng) -> Checkpoint:
    parameters = models.create("lab14", 2, seed=3).state_dict()
    steps = [rng.standard_normal(p.shape).astype(p.dtype) for p in parameters.values()]
    return Checkpoint(parameters, steps, rng.random((32, 32, 3), np.float32), dict(META))


@pytest.mark.parametrize("optimizer", [True, False])
def test_everything_comes_back_bit_for_bit(tmp_path, rng, optimizer):
    """All but the optimizer's arrays where they are not wanted."""
    saved = state(rng)
    checkpoint.save(tmp_path / "last.npz", saved)
    loaded = checkpoint.load(tmp_path / "last.npz", optimizer=optimizer)
    assert loaded.parameters.keys() == saved.parameters.keys() and len(saved.steps) > 0
    for name, value in saved.parameters.items():
        np.testing.assert_array_equal(loaded.parameters[name], value)
    for one, other in zip(loaded.steps, saved.steps if optimizer else [], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.mean, saved.mean)
    assert loaded.meta == {"format": 1, **META} == checkpoint.load_meta(tmp_path / "last.npz")
    network = checkpoint.trained_network(loaded, tmp_path / "last.npz")
    assert not network.training
    np.testing.assert_array_equal(network.fc3.weight.data, saved.parameters["fc3.weight"])


def test_a_failed_save_keeps_the_old_file_and_leaves_no_other(tmp_path, rng, monkeypatch):
    path = tmp_path / "last.npz"
    checkpoint.save(path, state(rng))
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    for place in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, place, full)
            with pytest.raises(OSError, match="No space left"):
                checkpoint.save(path, state(rng))
        assert path.read_bytes() == before and os.listdir(tmp_path) == ["last.npz"]


def test_no_pickle_is_ever_opened(tmp_path):
    class Evil:
        def __reduce__(self):
            return pytest.fail, ("it was unpickled",)

    for name in ("meta", "mean", "model/a", "other"):
        np.savez(tmp_path / "evil.npz", **{"meta": "{}", name: np.array([Evil()], dtype=object)})
        with pytest.raises(CheckpointError, match="not an intact checkpoint") as caught:
            checkpoint.load(tmp_path / "evil.npz")
        assert "allow_pickle" not in str(caught.value) and "unsafe" not in str(caught.value)


def test_a_flipped_byte_is_noticed(tmp_path, rng):
    path = tmp_path / "last.npz"
    checkpoint.save(path, state(rng))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not an intact checkpoint .*CRC"):
        checkpoint.load(path)


def rewritten(path, **changes):
    """The file with other entries; None leaves one out."""
    with np.load(path) as file:
        entries = {name: value for name, value in {**file, **changes}.items() if value is not None}
    np.savez(path, **entries)


ROW = {
    "epoch": 1, "lr": 0.01, "train_loss": 1.5, "train_top1_error": 50.0, "val_top1_error": 25.0, "val_top5_error": 0.0,
    "seconds": 1.0, "images_per_second": 48.0, "within": [[1.0, 1.5, 50.0]],
}  # fmt: skip
ENTRIES = [
    ({"optimizer/0": None}, "no entry optimizer/0"),
    ({"mean": None}, "no entry mean"),
    ({"meta": None}, "no entry meta"),
    ({"thesis": np.zeros(3)}, "an entry 'thesis'"),
    ({"\x1b[31m" + 5000 * "a": np.zeros(3)}, r"an entry '\\x1b\[31maaa.*…aaa"),
    ({"meta": "no json"}, "Expecting value"),
    ({"meta": "[1]"}, r"meta is \[1\]; expected a table"),
    ({"meta": "{}"}, "meta.format is missing"),
    ({"meta": "[" * 5000}, "nested too deeply"),
    ({"meta": '{"format": 1' + 5000 * "0" + "}"}, "digits"),
    ({"meta": np.array(["{}", "{}"])}, r"of shape \(2,\); expected one text"),
    ({"meta": np.array(b"{}")}, r"meta: it holds .*S2.*; expected one text"),
    ({"meta": np.zeros(3)}, "expected one text"),
    ({"mean": np.zeros((4, 5, 3))}, r"mean has shape \(4, 5, 3\); expected \(4, 4, 3\)"),
    ({"mean": np.zeros(())}, r"mean has shape \(\)"),
    ({"mean": np.zeros((0, 0, 3))}, r"mean has shape \(0, 0, 3\)"),
    ({"mean": np.zeros((9, 9, 4))}, r"mean has shape \(9, 9, 4\); expected \(9, 9, 3\)"),
    ({"mean": np.array("text")}, "mean: it holds .*U4"),
    ({"model/conv1.weight": np.array(b"bytes")}, "conv1.weight: it holds .*S5"),
    ({"model/conv1.weight": np.zeros(3, np.complex64)}, "conv1.weight: it holds .*c8"),
    ({"model/conv1.weight": np.zeros(3, [("a", "f4"), ("b", "f4")])}, r"conv1.weight: it holds .*\('a', '<f4'\)"),
    ({"model/conv1.weight": np.array([np.nan], "f4")}, "conv1.weight is not finite .*diverged; use another checkpoint"),
    ({"model/conv1.weight": np.array([1e300])}, "conv1.weight is not finite"),
    ({"optimizer/3": np.array([-np.inf], "f4")}, "the optimizer's step 3 is not finite"),
    ({"mean": np.full((32, 32, 3), np.nan)}, "the mean image is not finite"),
]  # fmt: skip
METAS = [
    ({"format": 2}, "format 2; this version reads format 1"),
    ({"format": True}, "meta.format is True"),
    ({"classes": 4}, "meta.classes is 4; expected a list"),
    ({"classes": [1, 2]}, r"meta.classes\[0\] is 1; expected a text"),
    ({"class_names": ["a"]}, "2 classes have 1 names"),
    ({"config": 3}, "meta.config is 3"),
    ({"config": {}}, "meta.config.model is missing"),
    ({"config": {**META["config"], "model": "lab99"}}, "meta.config.model is 'lab99'; expected one of: "),
    ({"config": {**META["config"], "data": 0}}, "meta.config.data is 0; expected a text"),
    ({"config": {**META["config"], "epochs": "3"}}, "meta.config.epochs is '3'; expected an integer of at least 1"),
    ({"config": {**META["config"], "width": [1]}}, r"meta.config.width is \[1\]; expected a number above 0"),
    ({"config": {**META["config"], "size": 24}}, r"mean has shape \(32, 32, 3\); expected \(24, 24, 3\)"),
    ({"config": {**META["config"], "fc": True}}, "meta.config.fc is True; expected an integer of at least 1"),
    ({"history": [{}]}, r"meta.history\[0\].epoch is missing"),
    ({"history": [1]}, r"meta.history\[0\] is 1; expected a table"),
    ({"history": [ROW, ROW]}, "does not count its epochs from 1"),
    ({"history": [{**ROW, "val_top1_error": "low"}]}, "val_top1_error is 'low'; expected a number from 0 to 100"),
    ({"history": [{**ROW, "val_top1_error": float("nan")}]}, "val_top1_error is nan"),
    ({"history": [{**ROW, "within": [[1, 2]]}]}, r"within\[0\] is \[1, 2\]"),
    ({"std": 0}, "meta.std is 0; expected a number above 0"),
    ({"std": float("inf")}, "meta.std is inf"),
    ({"std": "60"}, "meta.std is '60'"),
    ({"lr": None}, "meta.lr is None"),
    ({"lr": 10**400}, "meta.lr is 1000"),
    ({"schedule": {"epoch": "a"}}, "meta.schedule.epoch is 'a'"),
    ({"skipped": {"a": 1}}, r"meta.skipped\['a'\] is 1; expected a text"),
    ({"covariance": [[1, 2], [3, 4]]}, r"meta.covariance is \[\[1, 2\], \[3, 4\]\]; expected a list of 3"),
    ({"loss_scale": {"scale": []}}, "meta.loss_scale.scale is"),
]
METAS = [({"meta": json.dumps({"format": 1, **META, **change})}, message) for change, message in METAS]


@pytest.mark.parametrize(("change", "message"), ENTRIES + METAS, ids=lambda x: x[:40] if isinstance(x, str) else "")
def test_a_foreign_file_is_named_with_the_reason(tmp_path, rng, change, message):
    path = tmp_path / "last.npz"
    checkpoint.save(path, state(rng))
    rewritten(path, **change)
    with pytest.raises(CheckpointError, match=message) as caught:
        checkpoint.load(path)
    assert str(path) in str(caught.value) and str(caught.value).isprintable() and len(str(caught.value)) < 1000


@pytest.mark.parametrize("kind", [">f4", "<f8", "f2", "Fortran"])
def test_floats_of_another_kind_are_read_as_they_are(tmp_path, rng, kind):
    saved, path = state(rng), tmp_path / "last.npz"
    checkpoint.save(path, saved)
    right = saved.parameters["fc1.weight"].astype("f2")
    rewritten(path, **{"model/fc1.weight": np.asfortranarray(right) if kind == "Fortran" else right.astype(kind)})
    loaded = checkpoint.load(path).parameters["fc1.weight"]
    assert loaded.dtype == np.float32 and loaded.dtype.isnative and loaded.flags.c_contiguous
    np.testing.assert_array_equal(loaded, right)


def zipped(path, entries, **how):
    """An .npz of raw entries."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", **how) as file:
        warnings.simplefilter("ignore")  # of an entry that is in it twice
        for name, content in entries:
            file.writestr(name, content)


def header(descr, shape="()", fortran="False") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "entry",
    [
        header("'<U400000000'"), header("'<U4'", "(2, 2)"), header("'<f4'", "(99999999999,)"), header("'|O'"),
        header("'<f4'", "(4294967296, 4294967296)"), header("'<f4'", "(-1,)"), header("'<f4'", "(1,)", "Maybe"),
        header("'<f4'", "(" + "1, " * 40 + ")"), header("'<f4'", "(1.5,)"), header("'<m8[ns]'"),
        header("'V4000000000'"), header("[('a', '<f4')]"), header("[('a', '|O')]"), header("__import__('os').getpid()"),
        header("(" * 9000),
        b"", b"\x93NUMPY", b"\x93NUMPY\x03\x00" + bytes(9), b"\x93NUMPY\x01\x00\xff\xff", b"PK", bytes(1000),
        header("'<f4'") + bytes(3), header("'<f4'") + bytes(5),
    ],
)  # fmt: skip
def test_a_header_of_an_array_that_lies_is_refused_before_room_is_made(tmp_path, rng, entry):
    path = tmp_path / "last.npz"
    checkpoint.save(path, state(rng))
    with zipfile.ZipFile(path) as file:
        right = [(name, file.read(name)) for name in file.namelist()]
    for name in ("meta.npy", "mean.npy", "model/conv1.bias.npy", "optimizer/2.npy"):
        zipped(path, [(known, entry if known == name else content) for known, content in right])
        tracemalloc.start()
        with pytest.raises(CheckpointError, match="not an intact checkpoint"):
            checkpoint.load(path)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
        tracemalloc.stop()


UNFOLDING = [(name, zipfile.ZIP_DEFLATED) for name in ("model/a.npy", "optimizer/0.npy", "meta.npy", "other.npy", "b")]


@pytest.mark.parametrize(("name", "how"), [*UNFOLDING, ("other.npy", zipfile.ZIP_BZIP2), ("b", zipfile.ZIP_LZMA)])
def test_an_entry_that_unfolds_to_much_is_refused_unread(tmp_path, rng, name, how):
    """Even where it would not be asked for."""
    path = tmp_path / "last.npz"
    small = state(rng)
    small.parameters, small.steps = {"a": np.zeros(1, np.float32)}, [np.zeros(1, np.float32)]
    checkpoint.save(path, small)
    with zipfile.ZipFile(path) as file:
        right = {name: file.read(name) for name in file.namelist()}
    zipped(path, (right | {name: bytes(20_000_000)}).items(), compression=how)
    assert path.stat().st_size < 200_000
    for read in (checkpoint.load, checkpoint.load_meta, lambda path: checkpoint.load(path, optimizer=False)):
        tracemalloc.start()
        with pytest.raises(CheckpointError, match="unfold to 20 MB"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
        tracemalloc.stop()


def test_a_million_entries_are_refused_unread(tmp_path):
    path, entry = tmp_path / "last.npz", io.BytesIO()
    zipped(entry, [("meta.npy", b"")])
    content = entry.getvalue()
    at = content.index(b"PK\x01\x02")
    directory, end = content[at:-22], content[-22:]
    many = directory * 1_000_000
    path.write_bytes(content[:at] + many + end[:8] + b"\xff\xff\xff\xff" + len(many).to_bytes(4, "little") + end[16:])
    started = time.process_time()
    with pytest.raises(CheckpointError, match="too many entries"):
        checkpoint.load(path)
    assert time.process_time() - started < 1


def test_an_entry_that_is_in_it_twice_is_refused(tmp_path, rng):
    path = tmp_path / "last.npz"
    checkpoint.save(path, state(rng))
    with zipfile.ZipFile(path) as file:
        right = [(name, file.read(name)) for name in file.namelist()]
    zipped(path, [*right, right[0]])
    with pytest.raises(CheckpointError, match="twice"):
        checkpoint.load(path)


def test_a_network_too_large_for_its_file_is_refused(tmp_path, rng):
    saved = state(rng)
    for options in ({"fc": 10**12}, {"fc": 10**9}, {"levels": [10**6]}, {"width": 1e300}, {"width": 1e9}):
        saved.meta["config"] = {**META["config"], **options}
        with pytest.raises(CheckpointError, match="x.npz is not an intact checkpoint"):
            checkpoint.trained_network(saved, tmp_path / "x.npz")


def test_a_network_too_deep_for_its_pictures_is_refused(tmp_path, rng):
    saved = state(rng)
    saved.mean = saved.mean[:4, :4]
    with pytest.raises(CheckpointError, match=r"x.npz is not an intact checkpoint \(.* does not fit the map"):
        checkpoint.trained_network(saved, tmp_path / "x.npz")


def test_a_network_that_does_not_fit_is_refused(tmp_path, rng):
    saved = state(rng)
    saved.meta["classes"] = ["a", "b", "c"]
    with pytest.raises(CheckpointError, match="x.npz .*fc3"):
        checkpoint.trained_network(saved, tmp_path / "x.npz")
    saved.meta["config"] = {"model": "lab99", "activation": "prelu", "init": "he"}
    with pytest.raises(CheckpointError, match="x.npz .*lab99"):
        checkpoint.trained_network(saved, tmp_path / "x.npz")


def run(statistics: data.Statistics, **state) -> Run:
    network = models.create("lab14", 2, width=0.1, fc=4)
    optimizer = optim.SGD(network.parameters(), 0.01, 0.9, weight_decay=0.0)
    return Run(
        Config(width=0.1, fc=4, size=4), network, optimizer, optim.MultiStepLR(optimizer, [3]), statistics, ["a", "b"],
        ["A", "B"], **state,
    )  # fmt: skip


def test_a_resumed_run_has_its_statistics_and_knows_what_was_left_out(tmp_path, rng):
    statistics = data.Statistics(rng.random((4, 4, 3), np.float32), 1 / 3, 1000 * rng.standard_normal((3, 3)) / 7)
    history, skipped = [ROW], {"a/1.png": "a/1.png: is broken"}
    checkpoint.save(tmp_path / "last.npz", run(statistics, history=history, skipped=skipped).to_checkpoint())
    saved = checkpoint.load(tmp_path / "last.npz")
    assert saved.statistics.covariance.dtype == np.float64 and saved.statistics.std == 1 / 3
    np.testing.assert_array_equal(saved.statistics.covariance, statistics.covariance)
    np.testing.assert_array_equal(saved.statistics.mean, statistics.mean)
    resumed = run(saved.statistics)
    resumed.restore(saved, tmp_path / "last.npz")
    assert resumed.skipped == skipped and resumed.history == history and resumed.epoch == 1


def test_a_run_without_a_covariance_has_none_when_it_goes_on(tmp_path):
    state = run(data.Statistics(np.zeros((4, 4, 3), np.float32), 60.0)).to_checkpoint()
    checkpoint.save(tmp_path / "last.npz", state)
    assert checkpoint.load(tmp_path / "last.npz").statistics.covariance is None
    del state.meta["covariance"]  # as in a run of an earlier version
    checkpoint.save(tmp_path / "last.npz", state)
    assert checkpoint.load(tmp_path / "last.npz").statistics.covariance is None
