"""One image at a time: from the bytes of a file to pixels, and from pixels to what a network sees.

Not here: which image, when, and what happens if it cannot be read (feeding/)."""
