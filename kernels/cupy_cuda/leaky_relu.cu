// Leaky ReLU, and with slope 0 plain ReLU, and the gradient.
//
// What is read, y, is as long as what is written, and no number has to do with its neighbours: a thread takes PACKS
// packs, neighbouring threads neighbouring packs. It reads all of its packs before it writes the first, so that
// several reads are under way at a time (pack.cu).
// Bytes: forward reads y and writes f; backward reads df and y and writes dy.
//
// Forward asks `y <= 0` and not `y > 0`, so that a NaN stays one; and ReLU of -inf is 0, not 0 * -inf = NaN. Backward
// asks PReLU's `y > 0`: the slope at a NaN is the fixed one. ReLU alone hands df on there.

const int PACKS = 4;  // as in leaky_relu.py

__device__ number leaky(number y, number slope)
{
    number low = slope != 0 ? slope * y : 0;
    return y <= 0 ? low : y;
}

__device__ number leaky_gradient(number df, number y, number slope)
{
    if (slope != 0)
        return y > 0 ? df : slope * df;
    return y <= 0 ? 0 : df;
}

// y, f: n numbers in line
extern "C" __global__ void leaky_relu_forward(const number *y, number *f, number slope, long long n)
{
    long long first = ((long long)blockIdx.x * PACKS * blockDim.x + threadIdx.x) * LANES, step = blockDim.x * LANES;
    pack v[PACKS];
    for (int k = 0; k < PACKS; k++)
        v[k] = load(y, first + k * step, n);
    for (int k = 0; k < PACKS; k++) {
        for (int l = 0; l < LANES; l++)
            v[k].at[l] = leaky(v[k].at[l], slope);
        store(f, first + k * step, n, v[k]);
    }
}

// y, f: (M, C), bias (C,); C counts packs. A thread keeps to one pack of channels and has PACKS rows.
extern "C" __global__ void leaky_relu_with_bias(const pack *y, const pack *bias, pack *f, number slope, long long M,
                                                int C)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    pack shift = bias[c], v[PACKS];
    long long first = (long long)blockIdx.x * PACKS * blockDim.y + threadIdx.y;
    for (int k = 0; k < PACKS; k++)
        if (first + k * blockDim.y < M)
            v[k] = y[(first + k * blockDim.y) * C + c];
    for (int k = 0; k < PACKS; k++) {
        for (int l = 0; l < LANES; l++) {
            number s = v[k].at[l] + shift.at[l];
            v[k].at[l] = leaky(s, slope);
        }
        if (first + k * blockDim.y < M)
            f[(first + k * blockDim.y) * C + c] = v[k];
    }
}

// df, y, dy: n numbers in line; one pack a thread, as each thread reads two at a time anyway
extern "C" __global__ void leaky_relu_backward(const number *df, const number *y, number *dy, number slope,
                                               long long n)
{
    long long i = ((long long)blockIdx.x * blockDim.x + threadIdx.x) * LANES;
    pack d = load(df, i, n), v = load(y, i, n);
    for (int l = 0; l < LANES; l++)
        d.at[l] = leaky_gradient(d.at[l], v.at[l], slope);
    store(dy, i, n, d);
}
