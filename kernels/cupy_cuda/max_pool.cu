// Max pooling and its gradient. x, dx are (N, H, W, C), y, dy, taps (N, OH, OW, C); C counts packs.
//
// Forward. A block has one output row (n, i). A thread keeps to one pack of channels and walks along the row: it
// reads the window of each output pixel and keeps the maximum of each channel, and the tap where it was, in registers.
// The window is cut to the map first, so the loop over it tests nothing but "is this one larger".
// Neighbouring threads have neighbouring channels: whole lines are read and written.
// Bytes: x is read (windows that overlap find each other's pixels in the caches), y and taps are written.
//
// Backward gathers, without a division. The map is cut into cells of the size of a stride. Cell (i, j) begins where
// window (i, j) does; those at the right and below may have no window of their own.
// Pixel (a, b) of a cell is the tap (a, b) of the cell's own window, and if windows overlap the tap (a, b + sw) of the
// one to the left, (a + sh, b) of the one above and so on. A block has one row of cells (n, i), a thread one pack of
// channels, and walks along the row. It asks every window that covers a pixel whether the pixel was its maximum, adds
// up what belongs to it and writes it once: no zero fill first, no atomic additions, and always the same order.
// Bytes: dy and taps are read (from a cache for all pixels of a window but the first), dx is written.
//
// Offsets within an image are of 32 bits, of 64 from image to image.

struct alignas(LANES * sizeof(short)) pack_of_taps {
    short at[LANES];
};

extern "C" __global__ void max_pool_forward(const pack *__restrict__ x, pack *__restrict__ y,
                                            pack_of_taps *__restrict__ taps, int H, int W, int C, int OH, int OW,
                                            int kh, int kw, int sh, int sw, int ph, int pw)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    int n = blockIdx.x / OH, i = blockIdx.x % OH;
    int top = i * sh - ph, first_u = max(0, -top), end_u = min(kh, H - top);
    x += (long long)n * H * W * C + c;
    y += (long long)blockIdx.x * OW * C + c;
    taps += (long long)blockIdx.x * OW * C + c;
    for (int j = threadIdx.y; j < OW; j += blockDim.y) {
        int left = j * sw - pw, first_v = max(0, -left), end_v = min(kw, W - left);
        pack best;
        pack_of_taps tap;
        for (int l = 0; l < LANES; l++) {
            best.at[l] = __int_as_float(0xff800000);  // minus infinity (NVRTC knows no INFINITY)
            tap.at[l] = first_u * kw + first_v;
        }
        for (int u = first_u; u < end_u; u++)
            for (int v = first_v; v < end_v; v++) {
                pack pixel = x[((top + u) * W + left + v) * C];
                for (int l = 0; l < LANES; l++)
                    if (pixel.at[l] > best.at[l] || pixel.at[l] != pixel.at[l]) {  // a NaN wins and stays
                        best.at[l] = pixel.at[l];
                        tap.at[l] = u * kw + v;
                    }
            }
        y[j * C] = best;
        taps[j * C] = tap;
    }
}

extern "C" __global__ void max_pool_backward(const pack *__restrict__ dy, const pack_of_taps *__restrict__ taps,
                                             pack *__restrict__ dx, int H, int W, int C, int OH, int OW, int kh,
                                             int kw, int sh, int sw, int ph, int pw, int down, int across)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    int n = blockIdx.x / down, i = blockIdx.x % down, top = i * sh - ph;
    dy += (long long)n * OH * OW * C + c;
    taps += (long long)n * OH * OW * C + c;
    dx += (long long)n * H * W * C + c;
    for (int j = threadIdx.y; j < across; j += blockDim.y) {
        int left = j * sw - pw;
        for (int a = max(0, -top); a < min(sh, H - top); a++)
            for (int b = max(0, -left); b < min(sw, W - left); b++) {
                pack sum = {};
                for (int u = a, wi = i; u < kh && wi >= 0; u += sh, wi--)
                    for (int v = b, wj = j; v < kw && wj >= 0; v += sw, wj--)
                        if (wi < OH && wj < OW) {
                            int window = (wi * OW + wj) * C, here = u * kw + v;
                            pack share = dy[window];
                            pack_of_taps tap = taps[window];
                            for (int l = 0; l < LANES; l++)
                                sum.at[l] += tap.at[l] == here ? share.at[l] : 0;
                        }
                dx[((top + a) * W + left + b) * C] = sum;
            }
    }
}
