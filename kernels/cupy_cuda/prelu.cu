// PReLU and its gradient (paper, equations (1) to (3)). y, f, df, dy are (M, C), a, bias and da (C,); C counts packs.
//
// A thread keeps to one pack of channels and walks down the rows, so its slopes and its part of the sum (2) stay in
// registers. The threads of a block stand side by side in a row and in several rows one below the other: together they
// read and write whole lines.
//
// Forward reads ROWS rows before it writes the first, so that several reads are under way at a time (pack.cu).
//
// Backward's sum over all rows is made in two stages, without atomic additions, so that it has the same order every
// time:
//   1. each block adds up what its threads found, halving the number of rows in shared memory until one is left, and
//      writes it to its own row of `partial`;
//   2. column_sums adds the rows of `partial` in the same way.
//
// Bytes: forward reads y and writes f; backward reads df and y and writes dy. `partial` has one row for each block:
// an eighth of y at most, and far less for a map.

const int ROWS = 4;  // as in prelu.py

extern "C" __global__ void prelu_forward(const pack *y, const pack *a, const pack *bias, pack *f, long long M, int C)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    pack slope = a[c], shift = {}, v[ROWS];
    if (bias)
        shift = bias[c];
    long long first = (long long)blockIdx.x * ROWS * blockDim.y + threadIdx.y;
    for (int k = 0; k < ROWS; k++)
        if (first + k * blockDim.y < M)
            v[k] = y[(first + k * blockDim.y) * C + c];
    for (int k = 0; k < ROWS; k++) {  // rows beyond M hold whatever was there: computed, not written
        for (int l = 0; l < LANES; l++) {
            number s = v[k].at[l] + shift.at[l];
            v[k].at[l] = s > 0 ? s : slope.at[l] * s;                                // (1)
        }
        if (first + k * blockDim.y < M)
            f[(first + k * blockDim.y) * C + c] = v[k];
    }
}

// The sum of the packs of all threads in a column of the block; thread (x, 0) gets it. For all threads to call.
__device__ pack sum_of_column(pack mine)
{
    __shared__ pack sums[BLOCK];
    pack *own = &sums[threadIdx.y * blockDim.x + threadIdx.x];
    *own = mine;
    __syncthreads();
    for (int rows = blockDim.y; rows > 1; rows = (rows + 1) / 2) {
        int half = (rows + 1) / 2;
        if (threadIdx.y + half < rows)
            for (int l = 0; l < LANES; l++)
                own->at[l] += own[half * blockDim.x].at[l];
        __syncthreads();
    }
    return *own;
}

extern "C" __global__ void prelu_backward(const pack *__restrict__ df, const pack *__restrict__ y,
                                          const pack *__restrict__ a, pack *__restrict__ dy,
                                          pack *__restrict__ partial, long long M, int C)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    pack sum = {};
    if (c < C) {
        pack slope = a[c];
        long long step = (long long)gridDim.x * blockDim.y;
#pragma unroll 2  // four reads under way
        for (long long m = (long long)blockIdx.x * blockDim.y + threadIdx.y; m < M; m += step) {
            pack d = df[m * C + c], v = y[m * C + c];
            for (int l = 0; l < LANES; l++) {
                bool positive = v.at[l] > 0;
                sum.at[l] += positive ? 0 : d.at[l] * v.at[l];                       // (3)
                d.at[l] = positive ? d.at[l] : slope.at[l] * d.at[l];                // (dy)
            }
            dy[m * C + c] = d;
        }
    }
    sum = sum_of_column(sum);                                                        // (2), first stage
    if (threadIdx.y == 0 && c < C)
        partial[(long long)blockIdx.x * C + c] = sum;
}

extern "C" __global__ void column_sums(const pack *__restrict__ partial, pack *__restrict__ da, int rows, int C)
{
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    pack sum = {};
    if (c < C)
        for (int m = threadIdx.y; m < rows; m += blockDim.y) {
            pack part = partial[(long long)m * C + c];
            for (int l = 0; l < LANES; l++)
                sum.at[l] += part.at[l];
        }
    sum = sum_of_column(sum);                                                        // (2), second stage
    if (threadIdx.y == 0 && c < C)
        da[c] = sum;
}
