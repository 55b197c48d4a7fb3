"""What `out=` means in every kernel: the result goes there, if it is given, and is returned either way."""


def into(out, result):
    """`out` overwritten with the result, or the result itself; a pair, each of its two arrays."""
    if out is None:
        return result
    if isinstance(result, tuple):
        return tuple(into(o, r) for o, r in zip(out, result, strict=True))
    out[...] = result
    return out
