"""The exceptions of this room."""


class DataError(ValueError):
    """The user's data cannot be used as it is.

    The message is one line that names the path or value, what was expected and the cure, so that
    a program may print it alone and stop: no traceback helps against a truncated JPEG.
    """


class MissingSplit(DataError):
    """The data set is there but has no such split, as ImageNet's validation images without the others."""
