"""The contract of the kernels: what each takes and what it gives, the same in every folder.

`minidelve.backend.kernels_for` returns a folder as `Kernels`, so an editor jumps from a call in an op to this file.
README.md beside it has the rules that hold for all kernels. Two things hold every folder to this page: mypy compares
names, arguments and defaults (the lines under TYPE_CHECKING in its __init__.py), and tests/kernels reads the shapes and
dtypes below and compares them with its results.

How to read a method. Each array has a line:

    x       (N, H, W, C) float      what it is

It is an argument if the method has one of that name, else a result; results come in the order of their lines. `out`
has the shape and dtype of the result. "float" is float32 or float64, the same for all such arrays of a call; "as x" is
the dtype of x. "kh kw C" is a product, "..." any shape.
"""

from typing import Any, Protocol, TypeAlias

Array: TypeAlias = Any  # numpy.ndarray on the CPU, cupy.ndarray on CUDA
Pair: TypeAlias = tuple[int, int]


class Kernels(Protocol):
    """All kernels of a folder, file by file.

    Letters: N images, H x W map, C channels, OH x OW output map of O channels, kh x kw kernel, TH x TW tiles, M rows,
    B bins; I, J, K, P, Q the sides of a matrix, F the number of products; x, y, f values and d... their gradients.
    Geometry comes as pairs of Python ints, vertical first, in pixels but for the counts of tiles:

        size (H, W), out_size (OH, OW), kernel (kh, kw), stride (sh, sw), padding (ph, pw), counts (TH, TW)
    """

    __name__: str

    # im2col.py: a convolution as a matrix product.

    def im2col(self, x: Array, kernel: Pair, stride: Pair, padding: Pair, out: Array | None = None) -> Array:
        """Each receptive field as a row, in the order (u, v, c), 0 outside x. The kernel may be larger than the map.

        x       (N, H, W, C) float or float16
        cols    (N, OH, OW, kh kw C) as x       OH = floor((H + 2 ph - kh) / sh) + 1, and OW likewise
        """

    def col2im(
        self, cols: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair, out: Array | None = None
    ) -> Array:
        """The transpose of im2col: each number goes back to where it was copied from, copies add up.

        cols    (N, OH, OW, kh kw C) float
        dx      (N, H, W, C) float
        """

    # winograd.py: square (i, j) begins at (i step - ph, j step - pw).

    def gather_tiles(
        self, x: Array, matrix: Array, step: int, padding: Pair, counts: Pair, out: Array | None = None
    ) -> Array:
        """Each Q x Q square of x, 0 outside x, times the matrix from the left and its transpose from the right.

        `out` may have further tiles: they are left alone. Use few matrices: a folder may compile a code for each.

        x       (N, H, W, C) float
        matrix  (P, Q) float
        tiles   (P P, N TH TW, C) float
        """

    def scatter_tiles(
        self, tiles: Array, matrix: Array, step: int, padding: Pair, size: Pair, counts: Pair, out: Array | None = None
    ) -> Array:
        """The transpose of gather_tiles with the matrix transposed: where squares overlap they add up.

        The squares cover the map and overlap by step at most. Given `out`, further tiles are not read.

        tiles   (Q Q, N TH TW, C) float
        matrix  (P, Q) float
        x       (N, H, W, C) float
        """

    # products.py: matrix products, and those of a convolution without its matrix.

    def matmul(self, x: Array, y: Array, precision: str = "fp32", out: Array | None = None) -> Array:
        """The product x y. Each factor is a matrix or a view of one as its transpose; the result is C-contiguous.

        precision: what float32 factors are rounded to, to nearest and ties to even, before they are multiplied.
        "fp32" not at all; "tf32" to 10 bits behind the leading one; "fp16" to float16, in which a factor may come
        already. Sums are float32. A GPU's own units round to tf32 in their way, perhaps towards 0, and are faster;
        elsewhere rounding costs time and shows what would come out. float64 is never rounded.

        x       (I, K) float or float16
        y       (K, J) float or float16
        out     (I, J) float
        """

    def products(self, x: Array, y: Array, out: Array | None = None) -> Array:
        """F products out[f] = x[f] y[f].

        x       (F, I, K) float
        y       (F, K, J) float
        out     (F, I, J) float
        """

    def transposed_products(self, x: Array, y: Array, out: Array, add: bool) -> None:
        """F products out[f] = x[f]^T y[f], in place; added to what out holds if `add`.

        x       (F, K, I) float
        y       (F, K, J) float
        out     (F, I, J) float
        """

    def correlate(
        self,
        x: Array,
        W: Array,
        kernel: Pair,
        stride: Pair,
        padding: Pair,
        bias: Array | None = None,
        out: Array | None = None,
    ) -> Array:
        """im2col's rows times W, plus the bias.

        x       (N, H, W, C) float
        W       (kh kw C, O) float
        bias    (O,) float
        y       (N, OH, OW, O) float
        """

    def correlate_weight(
        self, x: Array, dy: Array, kernel: Pair, stride: Pair, padding: Pair, out: Array, add: bool
    ) -> None:
        """im2col's matrix transposed times dy, in place; added to what out holds if `add`.

        x       (N, H, W, C) float
        dy      (N, OH, OW, O) float
        out     (kh kw C, O) float
        """

    # max_pool.py: windows begin in the map or its left frame, may hang over the right one; 2 padding <= kernel.

    def max_pool_forward(
        self,
        x: Array,
        kernel: Pair,
        stride: Pair,
        padding: Pair,
        out_size: Pair,
        out: tuple[Array, Array] | None = None,
    ) -> tuple[Array, Array]:
        """The maximum of each window, and which tap it was; kh kw <= 32767. The frame never wins.

        x       (N, H, W, C) float
        y       (N, OH, OW, C) float
        taps    (N, OH, OW, C) int16        u kw + v of the maximum
        """

    def max_pool_backward(
        self, dy: Array, taps: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair, out: Array | None = None
    ) -> Array:
        """The gradient of each maximum added to the place it came from.

        dy      (N, OH, OW, C) float
        taps    (N, OH, OW, C) int16
        dx      (N, H, W, C) float
        """

    # avg_pool.py: windows as max_pool's.

    def avg_pool_forward(
        self, x: Array, kernel: Pair, stride: Pair, padding: Pair, out_size: Pair, out: Array | None = None
    ) -> Array:
        """The mean of each window over the taps inside the map or its frame of zeros.

        x       (N, H, W, C) float
        y       (N, OH, OW, C) float
        """

    def avg_pool_backward(
        self, dy: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair, out: Array | None = None
    ) -> Array:
        """The transpose of avg_pool_forward.

        dy      (N, OH, OW, C) float
        dx      (N, H, W, C) float
        """

    # bin_max.py: pyramid pooling.

    def bin_max_forward(self, x: Array, bins: Array, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
        """The maximum over each bin, and where it was. No bin is empty; they may overlap.

        x       (N, H, W, C) float
        bins    (B, 4) int64                top, bottom, left, right; on the CPU in every folder
        f       (N, B, C) float
        argmax  (N, B, C) int32             r W + w of the maximum
        """

    def bin_max_backward(self, df: Array, argmax: Array, size: Pair, out: Array | None = None) -> Array:
        """The gradient of each maximum added to the place it came from.

        df      (N, B, C) float
        argmax  (N, B, C) int32
        dx      (N, H, W, C) float
        """

    # prelu.py: y = 0 counts as negative.

    def prelu_forward(self, y: Array, a: Array, bias: Array | None = None, out: Array | None = None) -> Array:
        """PReLU (paper, equation (1)) of y + bias. `out` may be y.

        y       (M, C) float
        a       (C,) float                  the slopes
        bias    (C,) float
        f       (M, C) float
        """

    def prelu_backward(self, df: Array, y: Array, a: Array, out: Array | None = None) -> tuple[Array, Array]:
        """PReLU's gradients (paper, equations (2) and (3)). `out` is for dy alone.

        df      (M, C) float
        y       (M, C) float
        a       (C,) float
        dy      (M, C) float
        da      (C,) float
        """

    # leaky_relu.py: y = 0 counts as negative; slope 0 is ReLU.

    def leaky_relu_forward(self, y: Array, slope: float, bias: Array | None = None, out: Array | None = None) -> Array:
        """Leaky ReLU of y + bias. y has any shape; with a bias it is (M, C). `out` may be y.

        y       (...) float
        bias    (C,) float
        f       (...) float
        """

    def leaky_relu_backward(self, df: Array, y: Array, slope: float, out: Array | None = None) -> Array:
        """Its gradient.

        df      (...) float
        y       (...) float
        dy      (...) float
        """

    # local_response_norm.py: the window of channel c is c - size//2 to c + (size-1)//2, cut at the first and the last.

    def local_response_norm_forward(
        self, x: Array, size: int, alpha: float, beta: float, k: float, out: tuple[Array, Array] | None = None
    ) -> tuple[Array, Array]:
        """y = x s^-beta with s = k + alpha/size * the window's sum of squares.

        x       (M, C) float
        y       (M, C) float
        s       (M, C) float
        """

    def local_response_norm_backward(
        self, dy: Array, x: Array, s: Array, size: int, alpha: float, beta: float, out: Array | None = None
    ) -> Array:
        """Its gradient.

        dy      (M, C) float
        x       (M, C) float
        s       (M, C) float
        dx      (M, C) float
        """

    # momentum.py: the paper's rule, equation (4).

    def momentum_step(self, a: Array, D: Array, gradient: Array, mu: float, eps: float, decay: float) -> None:
        """In place: D = mu D + eps (gradient + decay a), then a = a - D.

        a           (n,) float
        D           (n,) float
        gradient    (n,) float
        """
