// Maxima over rectangular bins (spatial pyramid pooling) and their gradient. x, dx are (N, H, W, C), f, df, argmax
// (N, B, C).
//
// Forward. The bins of a pyramid cover the map several times over, but their edges cut it into few *cells*, and each
// bin is a rectangle of whole cells. (Cells are also cut every 6 pixels, so that no thread has a long walk while
// others have none: bin_max.py.) So there are two kernels; C counts packs, and neighbouring threads have
// neighbouring channels:
//   1. cell_max: a thread has one pack of channels of one cell (n, i, j) and finds its maximum and where it is;
//   2. bin_max: a thread has one pack of channels of one bin (n, b) and finds the largest maximum of its cells.
// Of equal maxima the first in reading order counts. In a cell that is the one found first; among cells, whose pixels
// come before and after each other, the one at the smaller place.
// Bytes: x is read once, f and argmax are written. The cells in between hold between a fifth of x's numbers (18 x 18,
// levels 6 3 2 1) and all of them (14 x 14, 7 3 2 1); they stay in the L2 cache, and are read once for each level.
//
// Backward. A pixel may have won in several bins, and each channel's winners are elsewhere: adding to dx in memory
// would need atomic additions (a new order each time), or one thread that walks all bins and waits for memory at each.
// So a thread owns one channel of a run of RUN pixels: it walks the bins in order, adds what falls into its run to sums
// that it keeps in shared memory (registers cannot be indexed), and writes the run. Nobody else touches it.
// The runs of an image each read all of df and argmax, from the caches. With B = 50 bins on 18 x 18 pixels that is
// 11 times as much as df and argmax hold, but by way of L1 for runs of the same block, and L2 for all.
// Bytes: df and argmax are read, dx is written once, and needs no zero fill.
//
// Offsets within an image are of 32 bits, of 64 from image to image.

struct alignas(LANES * sizeof(int)) pack_of_places {
    int at[LANES];
};

// rows (R + 1) and columns (S + 1) are the edges of the cells; best and place are (N, R, S, C).
extern "C" __global__ void cell_max(const pack *__restrict__ x, const int *__restrict__ rows,
                                    const int *__restrict__ columns, pack *__restrict__ best,
                                    pack_of_places *__restrict__ place, int H, int W, int C, int R, int S)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    int n = blockIdx.x / R, i = blockIdx.x % R;
    x += (long long)n * H * W * C + c;
    best += (long long)blockIdx.x * S * C + c;
    place += (long long)blockIdx.x * S * C + c;
    for (int j = threadIdx.y; j < S; j += blockDim.y) {
        int corner = rows[i] * W + columns[j];
        pack value = x[corner * C];
        pack_of_places where;
        for (int l = 0; l < LANES; l++)
            where.at[l] = corner;
        for (int r = rows[i]; r < rows[i + 1]; r++)
            for (int w = columns[j]; w < columns[j + 1]; w++) {
                pack pixel = x[(r * W + w) * C];
                for (int l = 0; l < LANES; l++)
                    if (pixel.at[l] > value.at[l] || pixel.at[l] != pixel.at[l]) {  // a NaN wins and stays
                        value.at[l] = pixel.at[l];
                        where.at[l] = r * W + w;
                    }
            }
        best[j * C] = value;
        place[j * C] = where;
    }
}

// bins (B, 4): top, bottom, left, right of each, counted in cells.
extern "C" __global__ void bin_max(const pack *__restrict__ best, const pack_of_places *__restrict__ place,
                                   const int *__restrict__ bins, pack *__restrict__ f,
                                   pack_of_places *__restrict__ argmax, int B, int C, int R, int S)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    best += (long long)blockIdx.x * R * S * C + c;
    place += (long long)blockIdx.x * R * S * C + c;
    f += (long long)blockIdx.x * B * C + c;
    argmax += (long long)blockIdx.x * B * C + c;
    for (int b = threadIdx.y; b < B; b += blockDim.y) {
        int top = bins[4 * b], bottom = bins[4 * b + 1], left = bins[4 * b + 2], right = bins[4 * b + 3];
        pack value = best[(top * S + left) * C];
        pack_of_places where = place[(top * S + left) * C];
        for (int i = top; i < bottom; i++)
            for (int j = left; j < right; j++) {
                pack other = best[(i * S + j) * C];
                pack_of_places there = place[(i * S + j) * C];
                for (int l = 0; l < LANES; l++) {
                    bool first_of_equal = other.at[l] == value.at[l] && there.at[l] < where.at[l];
                    if (other.at[l] > value.at[l] || other.at[l] != other.at[l] || first_of_equal) {
                        value.at[l] = other.at[l];
                        where.at[l] = there.at[l];
                    }
                }
            }
        f[b * C] = value;
        argmax[b * C] = where;
    }
}

const int RUN = 32, OWNERS = 128;  // pixels of a run; threads of a block at most: 32 KiB of sums if numbers are double

// Here C counts numbers. pixels: H W. A block has 32 channels, side by side, of OWNERS / 32 runs.
extern "C" __global__ void bin_max_backward(const number *__restrict__ df, const int *__restrict__ argmax,
                                            number *__restrict__ dx, int pixels, int B, int C, int runs)
{
    __shared__ number sums[RUN][OWNERS];  // a column is one thread's, and in a bank of its own: no thread waits
    int c = blockIdx.y * blockDim.x + threadIdx.x, own = threadIdx.y * blockDim.x + threadIdx.x;
    int blocks = (runs + blockDim.y - 1) / blockDim.y;  // of an image
    int n = blockIdx.x / blocks, first = (blockIdx.x % blocks * blockDim.y + threadIdx.y) * RUN;
    if (c >= C || first >= pixels)
        return;
    for (int p = 0; p < RUN; p++)
        sums[p][own] = 0;
    df += (long long)n * B * C + c;
    argmax += (long long)n * B * C + c;
    dx += ((long long)n * pixels + first) * C + c;
#pragma unroll 4  // reads of four bins are under way before the first is added
    for (int b = 0; b < B; b++) {
        number share = df[b * C];
        int p = argmax[b * C] - first;
        if (0 <= p && p < RUN)
            sums[p][own] += share;
    }
    for (int p = 0; p < min(RUN, pixels - first); p++)
        dx[p * C] = sums[p][own];
}
