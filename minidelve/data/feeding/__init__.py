"""Many images, in order, ready before they are needed: batches, streams, statistics, and what a bad image does.

Not here: what happens to a single image (images/)."""
