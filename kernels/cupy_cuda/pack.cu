// What every file of this folder begins with; launch.py puts it there.
//
//   number   float or double: each file is compiled once for each (-Dnumber=float)
//   LANES    how many neighbouring numbers a thread moves in one instruction (-DLANES=4)
//
// A GPU reads memory best in pieces of 16 bytes a thread, neighbouring threads reading neighbouring pieces.  So where
// the channels of a row fill whole pieces, a thread takes a `pack` of 4 floats or 2 doubles, else a single number.

struct alignas(LANES * sizeof(number)) pack {
    number at[LANES];
};

// A block of threads is two-dimensional: x walks the packs of a row, y the rows (launch.py, `block`).  A row ends where
// the next begins, so the block reads one piece of memory, whatever its shape.
const int BLOCK = 256;  // threads at most
