"""The formats of pictures, one a file: which parts of a file make its pixels, and how those are read.

Pillow is handed these parts alone. Text, EXIF, colour profiles, thumbnails and later frames never reach it: what
is odd about them says nothing of the pixels, and what they unfold to costs nothing.

A format is a class: `begins(data)` tells it by its first bytes; `Png(data)` reads the outline, with .width, .height
and .exif (TIFF, or nothing); `read()` decodes. Both raise an exception, of any kind, for a broken file, and neither
allocates the picture before read().

Not here: bounds, colours and names (decoding.py)."""
