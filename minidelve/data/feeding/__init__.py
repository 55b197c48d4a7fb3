"""Many images, in order, ahead of the one who needs them: batches, streams, statistics, and what a bad image does.

Not here: what happens to a single image (images/)."""
