// What every file of this folder begins with; source.py puts it there.
//
//   number   float or double, or short for a float16 that is only copied: a file is compiled once for each
//   LANES    how many neighbouring numbers a thread moves in one instruction (-DLANES=4)
//
// What threads, blocks, shared memory and caches are stands in kernels/numba_cuda/launch.py.
//
// A GPU reads memory best in pieces of 16 bytes a thread, neighbouring threads reading neighbouring pieces. So where
// the channels of a row fill whole pieces, a thread takes a `pack` of 4 floats or 2 doubles, else a single number.
// In what follows "C counts packs" means that a row of C packs has C * LANES channels. Caches hold lines of 128 bytes,
// and memory hands out 32 at least: reading "whole lines" means that nothing is fetched in vain.
//
// Memory answers after some 700 cycles. The more bytes are on their way, the less that matters: kernels that may not
// write before they have read (f may be y) read several packs into registers first.

struct alignas(LANES * sizeof(number)) pack {
    number at[LANES];
};

// A block of threads is two-dimensional: x walks the packs of a row, y the rows (launch.py, `block`). A row ends where
// the next begins, so the block reads one piece of memory, whatever its shape.
enum { BLOCK = 256 };  // threads at most

// For arrays without rows, n numbers in line: the pack from number i on. The last one may be cut by the end
// of the array; what is beyond is read as 0 and not written.
__device__ pack load(const number *x, long long i, long long n)
{
    if (i + LANES <= n)
        return *(const pack *)(x + i);
    pack v = {};
    for (int l = 0; l < LANES; l++)
        if (i + l < n)
            v.at[l] = x[i + l];
    return v;
}

__device__ void store(number *x, long long i, long long n, pack v)
{
    if (i + LANES <= n) {
        *(pack *)(x + i) = v;
        return;
    }
    for (int l = 0; l < LANES; l++)
        if (i + l < n)
            x[i + l] = v.at[l];
}
