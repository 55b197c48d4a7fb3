// Local response normalisation over neighbouring channels and its gradient; all arrays are (M, C), here of numbers: a
// window may begin anywhere, so packs do not fit it.
//
//   s_c = k + scale * sum of x_e^2 over the window of c,   y_c = x_c s_c^-beta,   scale = alpha / size
//
// A thread has one number (m, c), neighbouring threads neighbouring channels. The windows of neighbours overlap, so
// all but the first read of an x are answered by the L1 cache. Each thread adds up its own window: sums that slide
// along would lose small channels beside large ones.
//
// Backward. x_e is in the window of each c with e - above <= c <= e + below, the mirrored window of e:
//
//   dx_e = dy_e s_e^-beta - 2 scale beta x_e  sum over those c of  dy_c x_c s_c^(-beta - 1)
//
// The powers cost more than the rest, and each is wanted by all its neighbours. So there are two kernels: one writes
// q_c = dy_c s_c^-beta, the other adds up windows of q_c x_c / s_c.
//
// Bytes: forward reads x and writes y and s; backward reads dy and s, writes q, reads q, x and s and writes dx.

extern "C" __global__ void local_response_norm_forward(const number *__restrict__ x, number *__restrict__ y,
                                                       number *__restrict__ s, int below, int above, number scale,
                                                       number beta, number k, long long M, int C)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    long long m = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    if (c >= C || m >= M)
        return;
    const number *row = x + m * C;
    number total = 0;
    for (int e = max(0, c - below); e <= min(C - 1, c + above); e++)
        total += row[e] * row[e];
    number s_c = k + scale * total;
    s[m * C + c] = s_c;
    y[m * C + c] = row[c] * pow(s_c, -beta);
}

extern "C" __global__ void local_response_norm_scaled(const number *__restrict__ dy, const number *__restrict__ s,
                                                      number *__restrict__ q, number beta, long long n)
{
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        q[i] = dy[i] * pow(s[i], -beta);
}

extern "C" __global__ void local_response_norm_backward(const number *__restrict__ q, const number *__restrict__ x,
                                                        const number *__restrict__ s, number *__restrict__ dx,
                                                        int below, int above, number scale, long long M, int C)
{
    int e = blockIdx.y * blockDim.x + threadIdx.x;
    long long m = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    if (e >= C || m >= M)
        return;
    long long row = m * C;
    number total = 0;
    for (int c = max(0, e - above); c <= min(C - 1, e + below); c++)
        total += q[row + c] * x[row + c] / s[row + c];
    dx[row + e] = q[row + e] - scale * x[row + e] * total;
}
