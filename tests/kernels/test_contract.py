"""Every folder under kernels/ keeps kernels/contract.py: names, signatures, shapes, dtypes; and the same results."""

import ast
import math
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minidelve.backend import DEVICE_OF, empty_like
from tests.kernels import declared

KERNELS = Path(__file__).parents[2] / "kernels"
DTYPES = st.sampled_from([np.float32, np.float64])
SEEDS = st.integers(0, 2**32 - 1)
SIMULATED = DEVICE_OF["numba_cuda"] == "cpu"  # Numba's simulator: a thread of a GPU takes a millisecond
MOST = 3 if SIMULATED else 9
few = st.integers(1, MOST)
images = st.integers(0, min(3, MOST - 1))
many_rows = st.integers(0, 4 if SIMULATED else 3000)


@st.composite
def windows(draw, pooling: bool = False):
    """(size, kernel, stride, padding, out_size) of a window that fits; pooling: with its frames and ceil_mode."""
    axes = []
    for _ in range(2):
        kernel = draw(st.integers(1, 4))
        padding = draw(st.integers(0, kernel // 2 if pooling else kernel + 1))
        least = max(1, kernel - 2 * padding)
        length = draw(st.integers(least, max(least, MOST)))
        stride = draw(st.integers(1, 5))
        count, rest = divmod(length + 2 * padding - kernel, stride)
        hangs_over = pooling and rest and (count + 1) * stride < length + padding and draw(st.booleans())
        axes.append((length, kernel, stride, padding, count + 1 + hangs_over))
    return tuple(zip(*axes))


def numbers(seed: int, shape, dtype, ties: bool = False) -> np.ndarray:
    """Random numbers of both signs with some zeros; with ties, small whole numbers and some -inf."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, shape) if ties else rng.standard_normal(shape)
    x = np.where(rng.random(shape) < 0.1, -np.inf if ties else 0.0, x)
    return x.astype(dtype)


def run(kernel, *args):
    """The kernel's results as a tuple of arrays, after checking that it left its inputs alone."""
    before = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    results = kernel(*args)
    for a, b in zip(args, before, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=f"{kernel.__name__} changed an input")
    return results if isinstance(results, tuple) else (results,)


def agree(reference, other, name: str, *args, exact: bool = False):
    """Both folders give C-contiguous arrays as the contract declares them, of the same values; returns reference's."""
    expected, got = (run(getattr(folder, name), *args) for folder in (reference, other))
    declared.check(name, args, expected)
    declared.check(name, args, got)
    for g, e in zip(got, expected, strict=True):
        assert g.shape == e.shape and g.flags.c_contiguous and e.flags.c_contiguous
        tolerance = 0 if exact or e.dtype.kind != "f" else 1e-5 if e.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(g, e, rtol=tolerance, atol=tolerance, err_msg=name)
    for folder, results in ((reference, expected), (other, got)):
        check_out(getattr(folder, name), args, results)
    if not SIMULATED:  # time is short there, and nothing is read in packs
        elsewhere = run(getattr(other, name), *map(further_on, args))
        for r, g in zip(elsewhere, got, strict=True):
            tolerance = 0 if g.dtype.kind != "f" else 1e-5 if g.dtype == np.float32 else 1e-13
            np.testing.assert_allclose(r, g, rtol=tolerance, atol=tolerance, err_msg=f"{name}, inputs further on")
    return expected if len(expected) > 1 else expected[0]


def further_on(x):
    """An array's copy one number further on in memory, so that no pack of 16 bytes begins where it begins."""
    if not isinstance(x, np.ndarray):
        return x
    if x.T.flags.c_contiguous and not x.flags.c_contiguous:
        return further_on(x.T).T
    copy = np.empty(x.size + 1, x.dtype)[1:].reshape(x.shape)
    copy[...] = x
    return copy


def check_out(kernel, args, results):
    """out= (one array or two, by the contract) is overwritten completely and returned."""
    out = declared.signature(kernel.__name__).parameters["out"].annotation
    given = tuple(np.full_like(r, np.nan if r.dtype.kind == "f" else -7) for r in results)
    given = given if declared.pairs(out) else given[:1]
    returned = kernel(*args, out=given if len(given) > 1 else given[0])
    for g, r, e in zip(given, returned if isinstance(returned, tuple) else (returned,), results):
        assert r is g, kernel.__name__
        np.testing.assert_array_equal(g, e, err_msg=f"{kernel.__name__}, out=")


def in_place(folders, name: str, expected, y, *args):
    """Both folders give the expected result in y's own memory too."""
    for folder in folders:
        out = y.copy()
        assert getattr(folder, name)(out, *args, out=out) is out
        np.testing.assert_array_equal(out, expected, err_msg=f"{name}, in place")


# -- names -----------------------------------------------------------------------------------------


def written(name: str) -> dict[str, tuple[str, str]]:
    """Kernel -> (its file, its arguments) of a folder: read, not imported, as its library may be missing here."""
    found, parsed = {}, {path.stem: ast.parse(path.read_text()) for path in (KERNELS / name).glob("*.py")}
    held = False
    for node in parsed["__init__"].body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith(f"kernels.{name}"):
            file = node.module.rpartition(".")[2]
            functions = {d.name: d for d in parsed[file].body if isinstance(d, ast.FunctionDef)}
            found |= {alias.name: (file, ast.unparse(functions[alias.name].args)) for alias in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            exported = ast.literal_eval(node.value)
        elif isinstance(node, ast.If):
            held = f"_: Kernels = {name}" in ast.unparse(node)
    assert held, f"kernels/{name}/__init__.py is not compared with the contract by mypy"
    assert sorted(found) == sorted(exported), name
    return found


@pytest.mark.parametrize("name", sorted(p.parent.name for p in KERNELS.glob("*/__init__.py")))
def test_every_folder_has_the_kernels_of_the_contract(name):
    assert name in DEVICE_OF
    assert {kernel: arguments for kernel, (_, arguments) in written(name).items()} == {
        kernel: declared.arguments(kernel) for kernel in declared.NAMES
    }
    assert written(name) == written("reference")  # the same files too


@pytest.mark.parametrize("name", declared.NAMES)
def test_the_contract_declares_a_shape_for_every_array(name):
    signature = declared.signature(name)
    typed = {argument for argument, p in signature.parameters.items() if "Any" in str(p.annotation)}
    works_in_place = signature.return_annotation is None
    assert typed - {"out"} <= declared.arrays(name).keys()
    assert works_in_place == (declared.results(name) == [])
    assert declared.pairs(signature.return_annotation) == (len(declared.results(name)) == 2)


# -- convolution -----------------------------------------------------------------------------------


@example(((2, 3), (5, 4), (1, 2), (2, 3), (2, 3)), 2, 3, np.float64, 0)  # a kernel larger than the map
@example(((9, 8), (2, 3), (4, 5), (0, 0), (2, 2)), 2, 3, np.float32, 0)  # gaps that no window reads
@given(windows(), images, few, DTYPES, SEEDS)
def test_im2col_and_col2im_agree(reference, other, window, N, C, dtype, seed):
    size, kernel, stride, padding, out_size = window
    x = numbers(seed, (N, *size, C), dtype)
    agree(reference, other, "im2col", x.astype(np.float16), kernel, stride, padding, exact=True)
    cols = agree(reference, other, "im2col", x, kernel, stride, padding, exact=True)
    assert cols.shape[1:3] == out_size
    dcols = numbers(seed + 1, cols.shape, dtype)
    assert agree(reference, other, "col2im", dcols, size, kernel, stride, padding).shape == x.shape


@st.composite
def tilings(draw):
    """(x's size, P, Q, step, padding, counts): tiles that cover a map and overlap by step at most."""
    P, Q, step = draw(st.sampled_from([(3, 3, 2), (4, 2, 2), (2, 4, 3)]))  # few: a code is compiled for each
    counts = draw(st.tuples(few, few))
    padding = tuple(draw(st.integers(0, 2)) for _ in counts)
    covered = [(n - 1) * step + Q - p for n, p in zip(counts, padding)]
    size = tuple(max(1, c - draw(st.integers(0, 2))) for c in covered)
    return size, P, Q, step, padding, counts


@given(tilings(), st.integers(0, 2), st.integers(1, 2 if SIMULATED else 35), DTYPES, SEEDS)
def test_tiles_agree_both_ways_and_leave_spare_rows_alone(reference, other, tiling, N, C, dtype, seed):
    size, P, Q, step, padding, counts = tiling
    matrix = np.random.default_rng(Q).integers(-2, 3, (P, Q)).astype(dtype)
    x = numbers(seed, (N, *size, C), dtype)
    tiles = agree(reference, other, "gather_tiles", x, matrix, step, padding, counts)
    y = numbers(seed + 1, tiles.shape, dtype)
    back = np.ascontiguousarray(matrix.T)
    assert agree(reference, other, "scatter_tiles", y, back, step, padding, size, counts).shape == x.shape
    for folder in (reference, other):
        spare = np.full((P * P, tiles.shape[1] + 1, C), 7, dtype)
        assert folder.gather_tiles(x, matrix, step, padding, counts, out=spare) is spare
        np.testing.assert_allclose(spare[:, :-1], tiles, rtol=1e-5, atol=1e-5)
        assert (spare[:, -1] == 7).all()
        spare[:, :-1] = y
        out = np.full_like(x, np.nan)
        assert folder.scatter_tiles(spare, back, step, padding, size, counts, out=out) is out
        np.testing.assert_allclose((out * x).sum(), (tiles * y).sum(), rtol=1e-3, atol=1e-2)  # transposes


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.booleans(), st.booleans(), DTYPES, SEEDS)
def test_matmul_agrees_for_matrices_and_their_transposes(reference, other, I, K, J, x_turned, y_turned, dtype, seed):
    x = numbers(seed, (K, I), dtype).T if x_turned else numbers(seed, (I, K), dtype)
    y = numbers(seed + 1, (J, K), dtype).T if y_turned else numbers(seed + 1, (K, J), dtype)
    for precision in ("fp32", "tf32", "fp16"):
        if precision == "tf32" and rounds_by_itself(other):
            exact, size = x.astype(np.float64) @ y, abs(x).astype(np.float64) @ abs(y)
            assert (abs(other.matmul(x, y, precision) - exact) <= 2.0**-8 * size + 1e-30).all()
            continue
        agree(reference, other, "matmul", x, y, precision)


def rounds_by_itself(folder) -> bool:
    """Whether a GPU's own units round to tf32: to nearest or towards 0, as they are built."""
    return folder.__name__ == "kernels.cupy_cuda"


@pytest.mark.parametrize("turned", [False, True])
def test_matmul_takes_factors_that_are_float16_already(reference, other, turned, rng):
    x, y = (rng.standard_normal((5, 5)).astype(np.float32) for _ in range(2))
    whole = reference.matmul(x.T if turned else x, y, "fp16")
    halves = x.astype(np.float16), y.astype(np.float16)
    for folder in (reference, other):
        for left, right in ((halves[0], y), (x, halves[1]), halves):
            z = folder.matmul(left.T if turned else left, right, "fp16")
            assert z.dtype == np.float32
            np.testing.assert_allclose(z, whole, rtol=1e-5, atol=1e-5)


def nearest(x: float, digits: int, least_exponent: int = -126) -> float:
    """x to so many binary digits behind the leading one, ties to even: by exact arithmetic on integers."""
    if x == 0:
        return x
    unit = Fraction(2) ** (max(math.frexp(x)[1] - 1, least_exponent) - digits)
    return float(round(Fraction(x) / unit) * unit)  # Python rounds a Fraction's tie to even


def test_factors_are_rounded_to_nearest_and_ties_to_even(reference, other, rng):
    ties = [1 + k * 2.0**-11 for k in range(8)] + [2 - 2.0**-11, -1 - 2.0**-11]
    ties += [3.0e38, 65519.9, 2.0**-24, 2.0**-25, 6e-8]
    x = np.concatenate([np.float32(ties), rng.standard_normal(50, dtype=np.float32)])
    one = np.ones((1, 1), np.float32)
    for folder in (reference, other):
        tf32 = folder.matmul(x[:, None].copy(), one, "tf32")[:, 0]
        if rounds_by_itself(folder):
            assert (abs(tf32 - x) <= 2.0**-10 * abs(x)).all()
        else:
            np.testing.assert_array_equal(tf32, np.float32([nearest(float(v), 10) for v in x]))
        fp16 = folder.matmul(x[:, None].copy(), one, "fp16")[:, 0]
        expected = [nearest(float(v), 10, -14) if abs(v) < 65520 else np.inf for v in x]
        np.testing.assert_array_equal(fp16, np.float32(expected))
        strange = np.float32([np.inf, -np.inf, np.nan])
        np.testing.assert_array_equal(folder.matmul(strange[:, None].copy(), one, "tf32")[:, 0], strange)


@given(st.integers(0, 3), st.integers(0, 14), st.integers(0, 9), st.integers(0, 150), DTYPES, SEEDS)
def test_products_agree(reference, other, F, I, K, J, dtype, seed):
    x, y = numbers(seed, (F, I, K), dtype), numbers(seed + 1, (F, K, J), dtype)
    agree(reference, other, "products", x, y)


@given(st.integers(0, 3), st.integers(0, 14), st.integers(0, 9), st.integers(0, 70), st.booleans(), DTYPES, SEEDS)
def test_transposed_products_agree(reference, other, F, I, K, J, add, dtype, seed):
    x, y = numbers(seed, (F, K, I), dtype), numbers(seed + 1, (F, K, J), dtype)
    outs = [np.full((F, I, J), 3, dtype) for _ in range(2)]
    for folder, out in zip((reference, other), outs):
        assert folder.transposed_products(x, y, out, add) is None
    np.testing.assert_allclose(*outs, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(outs[0], np.einsum("fki,fkj->fij", x, y) + 3 * add, rtol=1e-4, atol=1e-4)


@given(windows(), images, few, st.sampled_from([1, 3, 16, 35, 70, 130]), DTYPES, SEEDS)
def test_correlate_and_its_gradient_agree(reference, other, window, N, C, O, dtype, seed):
    size, kernel, stride, padding, out_size = window
    x, W = numbers(seed, (N, *size, C), dtype), numbers(seed + 1, (kernel[0] * kernel[1] * C, O), dtype)
    y = agree(reference, other, "correlate", x, W, kernel, stride, padding)
    assert y.shape[1:3] == out_size
    bias = numbers(seed + 2, (O,), dtype)
    agree(reference, other, "correlate", x, W, kernel, stride, padding, bias)
    dy = numbers(seed + 3, y.shape, dtype)
    dW = np.zeros((len(W), O), dtype)
    reference.correlate_weight(x, dy, kernel, stride, padding, dW, False)
    for folder in (reference, other):
        out = np.full_like(y, np.nan)
        assert folder.correlate(x, W, kernel, stride, padding, bias, out=out) is out
        np.testing.assert_allclose(out, y + bias, rtol=1e-4, atol=1e-4)
        for before, add in ((np.nan, False), (3, True)):
            out = np.full_like(dW, before)
            assert folder.correlate_weight(x, dy, kernel, stride, padding, out, add) is None
            np.testing.assert_allclose(out, dW + 3 * add, rtol=1e-4, atol=1e-4)


def test_correlate_takes_many_images_in_groups(reference, other, monkeypatch):
    """More than fit into GROUP_BYTES, with a last group that is not full, and more pixels than fit into OUT_BYTES."""
    rng = np.random.default_rng(0)
    N, side, C, O = (4, 3, 2, 3) if SIMULATED else (7, 30, 20, 131)
    x, W = rng.standard_normal((N, side, side, C)), rng.standard_normal((4 * C, O))
    three_images = 3 * (side + 1) ** 2 * 4 * C * x.itemsize
    monkeypatch.setattr(sys.modules[other.correlate.__module__], "COLS_BYTES", three_images, raising=False)  # on CUDA
    for padding in ((0, 0), (1, 1)):
        geometry = (2, 2), (1, 1), padding
        y, other_y = (folder.correlate(x, W, *geometry) for folder in (reference, other))
        np.testing.assert_allclose(other_y, y, atol=1e-13 * np.abs(y).max())
        dW, other_dW = np.empty((2, *W.shape))
        reference.correlate_weight(x, y, *geometry, dW, False)
        other.correlate_weight(x, y, *geometry, other_dW, False)
        np.testing.assert_allclose(other_dW, dW, atol=1e-13 * np.abs(dW).max())


def test_products_of_more_terms_than_fit_at_a_time_agree(reference, other):
    rng = np.random.default_rng(0)
    for K in 300, 1100:  # do not fit beside 4 vectors, beside a single one
        x, y = rng.standard_normal((2, 7, K)), rng.standard_normal((2, K, 77))
        out = np.full((2, 7, 77), np.nan)
        assert other.products(x, y, out=out) is out
        np.testing.assert_allclose(out, reference.products(x, y), rtol=1e-11, atol=1e-11)


# -- poolings --------------------------------------------------------------------------------------


@given(windows(pooling=True), images, few, DTYPES, SEEDS, st.booleans())
def test_max_pool_agrees_also_at_ties_and_on_maps_of_minus_infinity(reference, other, window, N, C, dtype, seed, ties):
    size, kernel, stride, padding, out_size = window
    x = numbers(seed, (N, *size, C), dtype, ties)
    y, taps = agree(reference, other, "max_pool_forward", x, kernel, stride, padding, out_size, exact=True)
    dy = numbers(seed + 1, y.shape, dtype)
    dx = agree(reference, other, "max_pool_backward", dy, taps, size, kernel, stride, padding)
    np.testing.assert_allclose(dx.sum(), dy.sum(), rtol=1e-3, atol=1e-3)  # nothing is lost or doubled


@given(windows(pooling=True), images, few, DTYPES, SEEDS)
def test_avg_pool_agrees(reference, other, window, N, C, dtype, seed):
    size, kernel, stride, padding, out_size = window
    x = numbers(seed, (N, *size, C), dtype)
    y = agree(reference, other, "avg_pool_forward", x, kernel, stride, padding, out_size)
    dy = numbers(seed + 1, y.shape, dtype)
    agree(reference, other, "avg_pool_backward", dy, size, kernel, stride, padding)


@given(few, few, images, few, DTYPES, SEEDS, st.booleans())
def test_bin_max_agrees_also_where_bins_overlap(reference, other, H, W, N, C, dtype, seed, ties):
    rng = np.random.default_rng(seed)
    rows, columns = (np.sort([rng.integers(0, L, 7), rng.integers(0, L, 7)], axis=0) for L in (H, W))
    bins = np.stack([rows[0], rows[1] + 1, columns[0], columns[1] + 1], axis=1)
    x = numbers(seed, (N, H, W, C), dtype, ties)
    f, argmax = agree(reference, other, "bin_max_forward", x, bins, exact=True)
    df = numbers(seed + 1, f.shape, dtype)
    agree(reference, other, "bin_max_backward", df, argmax, (H, W))


# -- elementwise, normalisation, optimizer ---------------------------------------------------------


CHANNELS = st.sampled_from([1, 3, 8] if SIMULATED else [1, 3, 8, 9, 16, 24, 48])  # some fill whole vectors, some not


@given(st.integers(0, 8 if SIMULATED else 200), CHANNELS, DTYPES, SEEDS)
def test_prelu_agrees(reference, other, M, C, dtype, seed):
    y, df, a = numbers(seed, (M, C), dtype), numbers(seed + 1, (M, C), dtype), numbers(seed + 2, (C,), dtype)
    f = agree(reference, other, "prelu_forward", y, a, exact=True)
    bias = numbers(seed + 3, (C,), dtype)
    raised = agree(reference, other, "prelu_forward", y, a, bias, exact=True)
    np.testing.assert_array_equal(raised, reference.prelu_forward(y + bias, a))
    agree(reference, other, "prelu_backward", df, y, a)
    in_place((reference, other), "prelu_forward", f, y, a)
    in_place((reference, other), "prelu_forward", raised, y, a, bias)


@given(many_rows, st.sampled_from([16, 48, 112]), st.sampled_from([0, 1, 4]), DTYPES, SEEDS)
def test_prelu_of_large_arrays_agrees_wherever_they_lie(reference, other, M, C, ahead, dtype, seed):
    """Beyond STREAM_BYTES results are stored past the cache if their first number begins a line of it."""
    module = sys.modules[other.prelu_forward.__module__]
    y, df, a = numbers(seed, (M, C), dtype), numbers(seed + 1, (M, C), dtype), numbers(seed + 2, (C,), dtype)
    f, (dy, da) = reference.prelu_forward(y, a), reference.prelu_backward(df, y, a)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STREAM_BYTES", 0, raising=False)
        outs = [empty_like(np.empty(y.size + ahead, dtype))[ahead:].reshape(M, C) for _ in range(2)]
        np.testing.assert_array_equal(other.prelu_forward(y, a, out=outs[0]), f)
        other_dy, other_da = other.prelu_backward(df, y, a, out=outs[1])
    np.testing.assert_array_equal(other_dy, dy)
    np.testing.assert_allclose(other_da, da, rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-4)


@given(st.lists(st.integers(0, min(4, MOST)), max_size=4), st.sampled_from([0.0, 0.01, -1.5]), DTYPES, SEEDS)
def test_leaky_relu_agrees_for_any_shape(reference, other, shape, slope, dtype, seed):
    y, df = (np.asarray(numbers(s, shape, dtype)) for s in (seed, seed + 1))
    f = agree(reference, other, "leaky_relu_forward", y, slope, exact=True)
    in_place((reference, other), "leaky_relu_forward", f, y, slope)
    agree(reference, other, "leaky_relu_backward", df, y, slope, exact=True)


@given(st.integers(0, 20), CHANNELS, st.sampled_from([0.0, 0.01, -1.5]), DTYPES, SEEDS)
def test_leaky_relu_adds_a_bias_to_each_channel_first(reference, other, M, C, slope, dtype, seed):
    y, bias = numbers(seed, (M, C), dtype), numbers(seed + 1, (C,), dtype)
    f = agree(reference, other, "leaky_relu_forward", y, slope, bias, exact=True)
    np.testing.assert_array_equal(f, reference.leaky_relu_forward(y + bias, slope))
    in_place((reference, other), "leaky_relu_forward", f, y, slope, bias)


@example(3, 5, 2, 0.75, np.float64, 1)  # an even window, which is not its own mirror image
@given(st.integers(0, 5), few, st.integers(1, 7), st.sampled_from([0.75, 0.5, 1.0]), DTYPES, SEEDS)
def test_local_response_norm_agrees(reference, other, M, C, size, beta, dtype, seed):
    x, dy = 3 * numbers(seed, (M, C), dtype), numbers(seed + 1, (M, C), dtype)
    _, s = agree(reference, other, "local_response_norm_forward", x, size, 0.5, beta, 2.0)
    agree(reference, other, "local_response_norm_backward", dy, x, s, size, 0.5, beta)


@given(st.integers(0, 50), DTYPES, SEEDS, st.sampled_from([0.0, 5e-4]))
def test_the_momentum_step_agrees_and_works_in_place(reference, other, n, dtype, seed, decay):
    a, D, gradient = (numbers(seed + i, (n,), dtype) for i in range(3))
    results = []
    for folder in (reference, other):
        new_a, new_D, g = a.copy(), D.copy(), gradient.copy()
        assert folder.momentum_step(new_a, new_D, g, 0.9, 0.1, decay) is None
        assert np.array_equal(g, gradient)
        results.append((new_a, new_D))
    tolerance = 1e-6 if dtype == np.float32 else 1e-15
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=tolerance, atol=tolerance)
