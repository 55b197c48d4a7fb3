"""Dense testing: every window counts once, whatever the budget; where there is one window it is the crop."""

import contextlib
import tracemalloc

import numpy as np
import pytest

from minidelve import data, models, nn, ops
from minidelve.errors import RunError
from minidelve.evaluation.crops import CropScorer
from minidelve.evaluation.dense import DenseScorer
from minidelve.evaluation.footprint import conv_need, last_map
from minidelve.evaluation.ten_views import CropViews
from minidelve.tensor import Tensor, no_grad

GB = 10**9


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z.astype(np.float64) - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def bilinear(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarge (h, w, 3) with pixel centres at (i + 1/2) of the old grid, written with a matrix per axis."""
    for axis, new in enumerate(size):
        old = plane.shape[axis]
        at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.minimum(at.astype(int), old - 2) if old > 1 else np.zeros(new, int)
        matrix = np.zeros((new, old))
        matrix[np.arange(new), low] = 1 - (at - low)
        matrix[np.arange(new), low + 1] += at - low
        plane = np.moveaxis(np.tensordot(matrix, plane, axes=(1, axis)), 0, axis)
    return plane


def brute_force(network, statistics, image: np.ndarray, k: int, flip: bool) -> np.ndarray:
    """Every window cropped from the map, pooled, sent through the fc layers alone."""
    layers = list(network)
    at = next(i for i, layer in enumerate(layers) if isinstance(layer, nn.SpatialPyramidPool2d))
    mean = bilinear(statistics.mean.astype(np.float64), image.shape[:2])
    scores = []
    with no_grad():
        for view in [image, image[:, ::-1]] if flip else [image]:
            y = Tensor(((view - mean) / statistics.std).astype(np.float32).transpose(2, 0, 1)[None])
            for layer in layers[:at]:
                y = layer(y)
            for a, b in np.ndindex(y.shape[2] - k + 1, y.shape[3] - k + 1):
                z = ops.spatial_pyramid_pool2d(Tensor(y.data[:, :, a : a + k, b : b + k].copy()), layers[at].levels)
                for layer in layers[at + 1 :]:
                    z = layer(z)
                scores.append(softmax(z.data)[0])
    return np.mean(scores, axis=0)


def conv_layers(name: str) -> list[nn.Module]:
    """The layers of a narrow network up to its pyramid."""
    network = models.create(name, 2, width=1 / 64, fc=2)
    return list(network)[: [n for n, _ in network.named_children()].index("spp")]


@pytest.mark.parametrize("flip", [False, True])
def test_it_is_the_mean_over_every_window_cropped_from_the_map(network, statistics, pictures, flip):
    images = [pictures(1, 52, 71), pictures(2, 52, 71)]
    scorer = DenseScorer(network, statistics, flip, 64, GB)
    assert scorer.k == 4
    expected = [brute_force(network, statistics, image, 4, flip) for image in images]
    assert abs(expected[0] - expected[1]).max() > 1e-3
    np.testing.assert_allclose(scorer(images), expected, atol=1e-5)


def test_an_image_as_large_as_the_crop_has_one_window_the_centre_crop(network, statistics, pictures):
    image = pictures(3, 32, 32)
    for flip in (False, True):
        crop = CropScorer(network, statistics, CropViews(32, False, flip), 64, GB)
        np.testing.assert_allclose(DenseScorer(network, statistics, flip, 64, GB)([image]), crop([image]), atol=1e-7)


def test_flip_adds_the_mirrored_image_under_the_same_mean(network, statistics, pictures):
    image = pictures(4, 40, 56)
    plain, flipped = (DenseScorer(network, statistics, flip, 64, GB) for flip in (False, True))
    mirrored = np.ascontiguousarray(image[:, ::-1])
    assert abs(plain([image]) - plain([mirrored])).max() > 1e-3
    np.testing.assert_allclose(flipped([image]), (plain([image]) + plain([mirrored])) / 2, atol=1e-7)


def test_the_mean_image_is_warped_from_the_runs_own_each_time(network, statistics, pictures):
    scorer, image = DenseScorer(network, statistics, False, 64, GB), pictures(5, 40, 56)
    scorer([pictures(6, 90, 33)])
    np.testing.assert_array_equal(scorer([image]), DenseScorer(network, statistics, False, 64, GB)([image]))


def test_scores_that_are_no_numbers_are_those_of_their_image_alone(network, statistics, pictures, monkeypatch):
    """Whatever images are looked at together: 0 times NaN would be NaN for all of them."""
    scorer, images = DenseScorer(network, statistics, False, 64, GB), [pictures(seed, 40, 56) for seed in (1, 2)]
    alone, fully_connected = scorer(images[:1])[0], scorer._fully_connected

    def broken(rows):
        logits = fully_connected(rows).copy()
        logits[len(logits) // 2 :] = np.nan
        return logits

    monkeypatch.setattr(scorer, "_fully_connected", broken)
    first, second = scorer(images)
    np.testing.assert_allclose(first, alone, atol=1e-7)
    assert np.isnan(second).all()


def test_budget_and_batch_change_nothing_but_memory(network, statistics, pictures):
    def scorer(batch, budget):
        return DenseScorer(network, statistics, True, batch, budget)

    def fits(budget):
        with contextlib.suppress(data.DataError):
            return scorer(64, budget).images_that_fit(60, 84) >= 1

    images, large = [pictures(seed, 60, 84) for seed in range(3)], scorer(64, GB)
    small = scorer(1, next(budget for budget in range(10**5, 10**7, 10**5) if fits(budget)))
    assert small.images_that_fit(60, 84) == 1 < 6 <= large.images_that_fit(60, 84)
    np.testing.assert_allclose(small(images), large(images), atol=1e-6)


@pytest.mark.parametrize(("room", "parts"), [(23, [23, 23, 23, 1]), (35, [35, 35]), (1, [1] * 70), (69, [69, 1])])
def test_windows_that_do_not_fit_at_a_time_are_read_in_parts(statistics, pictures, monkeypatch, room, parts):
    """2 images of 5 x 7 windows each; a part may hold windows of both, and the last may be a single one."""
    conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
    network = nn.Sequential(conv, nn.SpatialPyramidPool2d((2, 1)), nn.Linear(40, 2048), nn.ReLU(), nn.Linear(2048, 6))
    for seed, p in enumerate(network.parameters()):
        p.data[...] = np.random.default_rng(seed).normal(0, 1 / np.sqrt(p.size / len(p)), p.shape)
    images = [pictures(seed, 40, 44) for seed in (1, 2)]
    roomy = DenseScorer(network, statistics, False, 2, GB)
    tight = DenseScorer(network, statistics, False, 2, 2 * roomy._maps_bytes(40, 44) + room * roomy._window_bytes)
    if room == 1:  # the conv layers need more than a window: only windows are to be in parts
        monkeypatch.setattr(tight, "images_that_fit", lambda height, width: 2)
    seen, whole = [], tight._fully_connected
    monkeypatch.setattr(tight, "_fully_connected", lambda rows: (seen.append(len(rows)), whole(rows))[1])
    scores = tight(images)
    assert seen == parts and sum(parts) == 2 * 5 * 7
    np.testing.assert_allclose(scores, [brute_force(network, statistics, x, 16, False) for x in images], atol=1e-6)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-12)  # none is lost, none counts twice


def test_activations_stay_within_the_budget(network, statistics, pictures):
    images = [pictures(seed, 120, 160) for seed in range(4)]
    DenseScorer(network, statistics, True, 64, GB)(images[:1])  # compiled now
    for budget in (6_000_000, 20_000_000):
        scorer = DenseScorer(network, statistics, True, 64, budget)
        tracemalloc.start()
        scorer(images)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        waiting = 2 * 4 * images[0].nbytes  # the images as bytes, mirrored ones too
        assert 0.3 * budget < peak < budget + waiting


def test_what_cannot_be_tested_is_refused_with_its_size_and_need(network, statistics):
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, 6))
    with pytest.raises(RunError, match="--protocol dense needs spatial pyramid pooling .* ten-view"):
        DenseScorer(plain, statistics, True, 64, GB)
    for budget, shape, problem in (
        (2_000_000, (40, 2000, 3), r"2000 x 40 pixels needs .* MB .*--max-memory is 2.0 MB; give more"),
        (GB, (31, 90, 3), "90 x 31 pixels is smaller than the crop of 32 x 32"),
    ):
        with pytest.raises(data.DataError, match=problem):
            DenseScorer(network, statistics, True, 64, budget)([np.zeros(shape, np.uint8)])


@pytest.mark.parametrize("name", ["lab14", "small14", "model_a", "vgg19"])
def test_map_sizes_are_told_without_computing(name):
    conv, y = conv_layers(name), Tensor(np.zeros((1, 3, 96, 75), np.float32))
    largest = cols = 0
    with no_grad():
        for layer in conv:
            before, y = y, layer(y)
            largest = max(largest, before.data.nbytes + y.data.nbytes)
            if isinstance(layer, nn.Conv2d):
                cols = max(cols, 4 * int(np.prod(layer.weight.shape[1:])) * y.shape[2] * y.shape[3])
    assert last_map(conv, 96, 75) == y.shape[1:]
    need = conv_need(conv, 96, 75)
    assert largest <= need.each - 4 * 3 * 96 * 75 <= 1.3 * largest  # with max pooling's taps
    assert need.room == cols


def test_the_need_of_conv_pooling_and_normalisation_counted_by_hand():
    """3 x 6 x 8 -> 16 x 6 x 8 -> 16 x 3 x 4 numbers of 4 bytes, and max pooling's taps of 2 bytes per output."""
    need = conv_need([nn.Conv2d(3, 16, 3, padding=1), nn.MaxPool2d(2)], 6, 8)
    image, conv, pooled = 3 * 6 * 8, 16 * 6 * 8, 16 * 3 * 4
    assert need.each == 4 * image + 4 * (conv + pooled) + 2 * pooled == 4_800
    assert need.room == 4 * (3 * 3 * 3) * 6 * 8 == 5_184
    assert need.least == 4_800 + 5_184
    need = conv_need([nn.Conv2d(3, 16, 1), nn.LocalResponseNorm()], 6, 8)  # its sums are kept too
    assert need.each == 4 * 3 * 6 * 8 + 4 * 3 * 16 * 6 * 8


def test_the_need_of_a_layer_that_winograd_computes_counted_by_hand(monkeypatch):
    """64 x 8 x 8 -> 128 x 8 x 8 by 3 x 3: 16 tiles of 4 x 4 places, for which V has 64 channels and M 128."""
    need = conv_need([nn.Conv2d(3, 64, 1), nn.Conv2d(64, 128, 3, padding=1)], 8, 8)
    assert need.room == 4 * (16 * 16) * (64 + 128) == 196_608
    assert need.U == 4 * 16 * 64 * 128 == 524_288
    assert need.least == need.each + need.room + need.U
    monkeypatch.setattr("minidelve.evaluation.footprint.thread_count", lambda: 2)
    monkeypatch.setattr("minidelve.ops.conv.winograd.TILE_BYTES", 1 << 20)
    assert need.images_within(need.least - 1) == 0
    assert need.images_within(need.least) == 1
    assert need.images_within(2 * need.U + 3 * (need.each + need.room)) == 3
    # Of many images only a piece per core is there as tiles.
    assert need.images_within(2 * need.U + 2 * (1 << 20) + 1000 * need.each) == 1000


def test_model_a_has_the_papers_windows():
    """Maps of 14, 16, 24 and 30 for images of 224, 256, 384 and 480: 1, 9, 121 and 289 windows."""
    sides = [last_map(conv_layers("model_a"), size, size)[1] for size in (224, 256, 384, 480)]
    assert [(side - 14 + 1) ** 2 for side in sides] == [1, 9, 121, 289]
