"""The built-in data set: pictures drawn by formula, in memory or as files.

Not here: anything read from a disk."""
