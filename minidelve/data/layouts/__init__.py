"""Which members of a source are the images of a split, and what class each is: a file for each layout.

Not here: reading the members (sources/) and decoding them (images/)."""
