// Winograd's tiles: squares of a map, transformed from both sides, and back. x is (N, H, W, C), C counts packs.
// L, the matrix, is (P, Q): Q is the side of what is read, P of what is written. tiles is (F, T, C): number (i, j) of
// all T tiles lies in plane f = i P + j (gather) or i Q + j (scatter).
//
//   gather     tile = L d L^T for each Q x Q square d of x,  F = P P
//   scatter    x += L t L^T   for each tile t,               F = Q Q
//
// P, Q and STEP, by which neighbouring squares are apart, are known to the compiler (-DSTEP=4): the loops below have
// fixed lengths and become straight code, and a thread's square lies in registers.
// A transform costs few operations for each number that it moves, so memory decides as long as many reads are under
// way; a thread with a whole square has dozens. What limits it is registers: a square of 6 x 6 packs of 16 bytes alone
// is 144 of the 255 that a thread can have. Then packs are of 8 bytes (winograd.py).
// The matrix is in shared memory, where all threads read the same number of it at a time. It comes from the device,
// so the computer never waits for it. (A 0 or 1 in it is multiplied like any other number: that is not what takes
// the time.)
//
// gather. A block has one row of tiles (n, ti), a thread one pack of channels, and walks along the row. First it
// multiplies each row of its square by L^T, then the columns of that by L.
// Bytes: tiles are written once, P P / STEP^2 times as much as x holds. Neighbouring squares overlap: those pixels
// come from the L1 and L2 caches, and x from memory once.
//
// scatter. Squares overlap by OVER = P - STEP, so up to four tiles add to a pixel. To need neither atomic additions
// nor a second pass, a thread owns what it writes: a strip, STEP pixels wide, of one pack of channels, in which it
// walks down BAND rows of tiles.
//   * The tile to the left reaches OVER columns into the strip. So the P columns of a tile are divided between two
//     threads, STEP and OVER of them: each is computed once, and added to the other tile's before L is multiplied from
//     the left. The tile is read twice, by two threads of a block, so the second time from the L1 cache.
//   * The tile above reaches OVER rows into this one: they stay in the registers when the thread takes a step down.
//     Only at the top of a band the tile above has to be transformed once more: one row in BAND.
// Where the squares do not overlap (STEP = P) neither is compiled, and a thread has a single square.
// Bytes: tiles are read once, and 1 / BAND more; x is written once, and needs no zero fill.
//
// Offsets within an image of x are of 32 bits; tiles is larger.

const int P = MATRIX_ROWS, Q = MATRIX_COLUMNS, OVER = P - STEP;
const int BAND = 8;  // as in winograd.py

__device__ void load_matrix(number (*L)[Q], const number *matrix)
{
    for (int i = threadIdx.y * blockDim.x + threadIdx.x; i < P * Q; i += blockDim.x * blockDim.y)
        L[i / Q][i % Q] = matrix[i];
    __syncthreads();
}

__device__ void add(pack &sum, number factor, pack v)
{
    for (int l = 0; l < LANES; l++)
        sum.at[l] += factor * v.at[l];
}

extern "C" __global__ void gather_tiles(const pack *__restrict__ x, const number *__restrict__ matrix,
                                        pack *__restrict__ tiles, int H, int W, int C, int TH, int TW, int ph, int pw,
                                        long long T)
{
    __shared__ number L[P][Q];
    load_matrix(L, matrix);
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    int n = blockIdx.x / TH, top = blockIdx.x % TH * STEP - ph;
    x += (long long)n * H * W * C + c;
    for (int tj = threadIdx.y; tj < TW; tj += blockDim.y) {
        int left = tj * STEP - pw;
        pack half[Q][P] = {};                                                        // d L^T
#pragma unroll  // what is indexed by a number that is not constant cannot be in registers
        for (int a = 0; a < Q; a++)
            for (int b = 0; b < Q; b++) {
                int r = top + a, w = left + b;
                pack d = {};
                if (0 <= r && r < H && 0 <= w && w < W)
                    d = x[(r * W + w) * C];
                for (int j = 0; j < P; j++)
                    add(half[a][j], L[j][b], d);
            }
        pack *tile = tiles + ((long long)blockIdx.x * TW + tj) * C + c;
#pragma unroll
        for (int i = 0; i < P; i++)
            for (int j = 0; j < P; j++) {
                pack sum = {};
                for (int a = 0; a < Q; a++)
                    add(sum, L[i][a], half[a][j]);                                   // L (d L^T)
                tile[(i * P + j) * T * C] = sum;
            }
    }
}

extern "C" __global__ void scatter_tiles(const pack *__restrict__ tiles, const number *__restrict__ matrix,
                                         pack *__restrict__ x, int H, int W, int C, int TH, int TW, int ph, int pw,
                                         int bands, int strips, long long T)
{
    __shared__ number L[P][Q];
    load_matrix(L, matrix);
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    int n = blockIdx.x / bands, high = OVER > 0 ? BAND : 1, begin = blockIdx.x % bands * high, end = begin + high;
    x += (long long)n * H * W * C + c;
    for (int strip = threadIdx.y; strip < strips; strip += blockDim.y) {
        pack sums[P][STEP] = {};  // what the strip has from row ti STEP on, down to the end of the tile
        for (int ti = begin - (OVER > 0); ti < end; ti++) {
#pragma unroll
            for (int a = 0; a < P; a++)
                for (int b = 0; b < STEP; b++)
                    sums[a][b] = a < OVER ? sums[a + STEP][b] : pack{};  // a step down
            const pack *tile = tiles + (((long long)n * TH + ti) * TW + strip) * C + c;
            bool row = 0 <= ti && ti < TH, own = strip < TW, left = OVER > 0 && 0 < strip && strip <= TW;
            for (int i = 0; i < Q && row; i++) {
                pack half[STEP] = {};                                                // row i of t L^T
                for (int j = 0; j < Q && own; j++) {
                    pack t = tile[(i * Q + j) * T * C];
                    for (int b = 0; b < STEP; b++)
                        add(half[b], L[b][j], t);
                }
                for (int j = 0; j < Q && left; j++) {
                    pack t = tile[(i * Q + j) * T * C - C];  // the tile to the left
                    for (int b = 0; b < OVER; b++)
                        add(half[b], L[STEP + b][j], t);
                }
#pragma unroll
                for (int a = 0; a < P; a++)
                    for (int b = 0; b < STEP; b++)
                        add(sums[a][b], L[a][i], half[b]);                           // L (t L^T)
            }
            bool ours = begin <= ti;  // the row above the band only lends its overlap
#pragma unroll
            for (int a = 0; a < STEP; a++)
                for (int b = 0; b < STEP && ours; b++) {
                    int r = ti * STEP - ph + a, w = strip * STEP - pw + b;
                    if (0 <= r && r < H && 0 <= w && w < W)
                        x[(r * W + w) * C] = sums[a][b];
                }
        }
    }
}
