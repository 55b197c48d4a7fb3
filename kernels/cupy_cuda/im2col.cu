// im2col and its transpose. x, dx are (N, H, W, C), cols (N, OH, OW, K) with K = kh kw C; C and K count packs. im2col
// takes float16 too, as numbers of 16 bits (source.py).
//
// With channels last, the kw pixels that one row of a kernel covers lie side by side in x, and side by side again in
// cols: K is kh runs of kw C packs, and a run is one piece of a row of x, cut off where the map ends.
//
// im2col. A block has one output row (n, i). A thread keeps to one place k of the receptive field, so it divides
// once, by the length of a run, and then walks along the row: the same place in the next field is a stride further on
// in x and K further on in cols. Neighbouring threads have neighbouring k: they write whole lines, and read whole
// lines but where a run ends.
// Bytes: cols is written once. Each x is asked for kh kw times at stride 1, but neighbouring fields share theirs in
// the L1 cache and neighbouring rows in the L2 cache: from memory it comes about once.
//
// col2im gathers, as max_pool.cu's backward does, in cells of the size of a stride. A block has one row of cells (n, i),
// a thread one pack of channels, and walks along the row. For each pixel of a cell it asks every field that covers it
// for the copy it holds and adds them up in a register: nothing is added in memory, so no atomic additions, and the
// order is always the same. Neighbouring threads have neighbouring channels.
// Bytes: each number of cols is read once, dx is written once.
//
// Offsets within an image of x are of 32 bits; cols is larger.

extern "C" __global__ void im2col(const pack *__restrict__ x, pack *__restrict__ cols, int H, int W, int C, int OH,
                                  int OW, int kh, int kw, int sh, int sw, int ph, int pw)
{
    int run = kw * C, K = kh * run;
    int k = blockIdx.y * blockDim.x + threadIdx.x;
    if (k >= K)
        return;
    int n = blockIdx.x / OH, i = blockIdx.x % OH;
    int u = k / run, t = k % run, r = i * sh + u - ph;
    bool in_map = 0 <= r && r < H;
    const pack *row = x + ((long long)n * H + (in_map ? r : 0)) * W * C;
    pack *fields = cols + (long long)blockIdx.x * OW * K + k;
#pragma unroll 4  // reads of four fields are under way before the first is written
    for (int j = threadIdx.y; j < OW; j += blockDim.y) {
        int from = (j * sw - pw) * C + t;
        pack value = {};
        if (in_map && 0 <= from && from < W * C)
            value = row[from];
        fields[(long long)j * K] = value;
    }
}

extern "C" __global__ void col2im(const pack *__restrict__ cols, pack *__restrict__ dx, int H, int W, int C, int OH,
                                  int OW, int kh, int kw, int sh, int sw, int ph, int pw, int down, int across)
{
    int c = blockIdx.y * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    int n = blockIdx.x / down, i = blockIdx.x % down, top = i * sh - ph, K = kh * kw * C;
    cols += (long long)n * OH * OW * K + c;
    dx += (long long)n * H * W * C + c;
    for (int j = threadIdx.y; j < across; j += blockDim.y) {
        int left = j * sw - pw;
        for (int a = max(0, -top); a < min(sh, H - top); a++)
            for (int b = max(0, -left); b < min(sw, W - left); b++) {
                pack sum = {};
                for (int u = a, wi = i; u < kh && wi >= 0; u += sh, wi--) {
#pragma unroll 4  // reads of four fields are under way at a time
                    for (int v = b, wj = j; v < kw && wj >= 0; v += sw, wj--)
                        if (wi < OH && wj < OW) {
                            pack copy = cols[((long long)wi * OW + wj) * K + (u * kw + v) * C];
                            for (int l = 0; l < LANES; l++)
                                sum.at[l] += copy.at[l];
                        }
                }
                dx[((top + a) * W + left + b) * C] = sum;
            }
    }
}
