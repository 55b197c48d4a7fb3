// The paper's momentum rule (equation (4)) in one pass, in place. a, D and gradient are n numbers in line.
//
// A thread updates one pack of parameters: it reads the pack of all three arrays, computes in registers and writes two
// of them. Neighbouring threads have neighbouring packs; the thread at the end has what is left (pack.cu, load).
// Bytes: 3 numbers read and 2 written for each parameter; no temporary ever reaches memory.

extern "C" __global__ void momentum_step(number *a, number *D, const number *gradient, number mu, number eps,
                                         number decay, long long n)
{
    long long i = ((long long)blockIdx.x * blockDim.x + threadIdx.x) * LANES;
    pack g = load(gradient, i, n), d = load(D, i, n), w = load(a, i, n);
    for (int l = 0; l < LANES; l++) {
        d.at[l] = mu * d.at[l] + eps * (g.at[l] + decay * w.at[l]);                  // (4)
        w.at[l] -= d.at[l];
    }
    store(D, i, n, d);
    store(a, i, n, w);
}
