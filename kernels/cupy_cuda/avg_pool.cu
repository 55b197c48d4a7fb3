// Average pooling and its gradient. x, dx are (N, H, W, C), y, dy (N, OH, OW, C); C counts packs.
//
// Forward. A block has one output row (n, i). A thread keeps to one pack of channels and walks along the row: it adds
// up the window of each output pixel, cut to the map, in a register and divides by the number of taps inside the map or
// its frame. Neighbouring threads have neighbouring channels: whole lines are read and written.
// Bytes: x is read (windows that overlap find each other's pixels in the caches), y is written.
//
// Backward gathers, as max_pool.cu's does, in cells of the size of a stride. A block has one row of cells (n, i), a
// thread one pack of channels, and walks along the row. For each pixel of a cell it adds up its share of every window
// that covers it, and writes it once: no zero fill first, no atomic additions, and always the same order.
// Bytes: dy is read (from a cache for all pixels of a window but the first), dx is written.
//
// Offsets within an image are of 32 bits, of 64 from image to image.

extern "C" __global__ void avg_pool_forward(const pack *__restrict__ x, pack *__restrict__ y, int H, int W, int C,
                                            int OH, int OW, int kh, int kw, int sh, int sw, int ph, int pw)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    int n = blockIdx.x / OH, i = blockIdx.x % OH;
    int top = i * sh - ph, high = min(kh, H + ph - top);  // taps inside the map or its frame
    x += (long long)n * H * W * C + c;
    y += (long long)blockIdx.x * OW * C + c;
    for (int j = threadIdx.y; j < OW; j += blockDim.y) {
        int left = j * sw - pw, wide = min(kw, W + pw - left);
        pack sum = {};
        for (int u = max(0, -top); u < min(high, H - top); u++)
            for (int v = max(0, -left); v < min(wide, W - left); v++) {
                pack pixel = x[((top + u) * W + left + v) * C];
                for (int l = 0; l < LANES; l++)
                    sum.at[l] += pixel.at[l];
            }
        number share = 1 / (number)(high * wide);  // one division for all channels
        for (int l = 0; l < LANES; l++)
            sum.at[l] *= share;
        y[j * C] = sum;
    }
}

extern "C" __global__ void avg_pool_backward(const pack *__restrict__ dy, pack *__restrict__ dx, int H, int W, int C,
                                             int OH, int OW, int kh, int kw, int sh, int sw, int ph, int pw, int down,
                                             int across)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    int n = blockIdx.x / down, i = blockIdx.x % down, top = i * sh - ph;
    dy += (long long)n * OH * OW * C + c;
    dx += (long long)n * H * W * C + c;
    for (int j = threadIdx.y; j < across; j += blockDim.y) {
        int left = j * sw - pw;
        for (int a = max(0, -top); a < min(sh, H - top); a++)
            for (int b = max(0, -left); b < min(sw, W - left); b++) {
                pack sum = {};
                for (int u = a, wi = i; u < kh && wi >= 0; u += sh, wi--)
                    for (int v = b, wj = j; v < kw && wj >= 0; v += sw, wj--)
                        if (wi < OH && wj < OW) {
                            int high = min(kh, H + 2 * ph - wi * sh), wide = min(kw, W + 2 * pw - wj * sw);
                            number share = 1 / (number)(high * wide);
                            pack d = dy[(wi * OW + wj) * C];
                            for (int l = 0; l < LANES; l++)
                                sum.at[l] += d.at[l] * share;
                        }
                dx[((top + a) * W + left + b) * C] = sum;
            }
    }
}
