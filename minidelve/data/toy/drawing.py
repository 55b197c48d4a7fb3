"""How one picture of the toy set is drawn: background, clutter, the object, clutter, noise.

The object is darker than what is around it, in any colours; its texture has two shades of one
colour. With free colours throughout the edges of the texture would hide the outline, and a network
would learn for longer than a lab lasts. The numbers below make neither the texture nor the outline
much harder than the other.

Every shape is its own mirror image and leans as often to the left as to the right, so a mirrored
picture is as likely as the picture itself: flipping is a fair augmentation.

Pixels are computed with + - * / sqrt, floor and comparisons only. Those give the same bits on
every machine, where a vectorised sine may not; sines appear only in a few coefficients, which are
rounded to float32 before they meet a pixel.
"""

import math

import numpy as np

SIZE = 64
TEXTURES = ("checkered", "striped")
SHAPES = ("circle", "cross", "square", "star", "triangle")

# Values are of 255, lengths in pixels, ranges from the lowest to the highest.
BACKGROUND = 148, 255
OBJECT = 55, 155  # the lighter shade of the texture
DARKER = 0.22  # the darker shade, as a part of the lighter
RADIUS = 16, 22
STRETCH = 0.85, 1.15  # one side by this, the other by its inverse
LEAN = -1 / 12, 1 / 12  # in full turns
PERIOD = 7, 11  # of the texture, which is turned freely

CLUTTER = 5  # small pieces around the object ...
BEFORE = 2  # ... and how many of them lie in front of it
CLUTTER_COLOUR = 125, 255
CLUTTER_RADIUS = 2, 4
PIECE = 12  # side of the patch in which a piece is drawn
NOISE = 12  # by how much each value moves at most


def draw(texture: str, shape: str, rng: np.random.Generator) -> np.ndarray:
    """A random picture of one class: uint8 (64, 64, 3). Same state of rng, same picture."""
    # The canvas is (3, SIZE, SIZE) while we paint: NumPy spreads a mask over whole planes
    # faster than over interleaved pixels.
    canvas = _background(rng)
    pieces = _clutter(rng)
    _paste(canvas, pieces[BEFORE:])
    _paint_object(canvas, rng, texture, shape)
    _paste(canvas, pieces[:BEFORE])
    noise = np.frombuffer(rng.bytes(canvas.size), np.uint8).reshape(canvas.shape)
    canvas += noise * np.float32(2 * NOISE / 255)
    canvas -= NOISE
    return np.ascontiguousarray(canvas.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


# Geometry: what is where. (u, v) are positions, turned and scaled.


def _centres(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres seen from the middle of a square: y (size, 1) downwards, x (1, size)."""
    y = np.arange(size, dtype=np.float32)[:, None] - np.float32((size - 1) / 2)
    return y, y.T


Y, X = _centres(SIZE)
PIECE_Y, PIECE_X = _centres(PIECE)

# Unit vectors pointing out of the sides of a five-pointed star and of a triangle.
_STAR = [(math.sin(math.tau * k / 5), math.cos(math.tau * k / 5)) for k in range(5)]
_TRIANGLE = [(math.sin(math.tau * k / 3), math.cos(math.tau * k / 3)) for k in range(3)]


def turned(y, x, angle, unit_y, unit_x) -> tuple[np.ndarray, np.ndarray]:
    """(u, v): the points (y, x) turned by `angle`, in full turns, and measured in the units."""
    c, s = np.cos(math.tau * angle), np.sin(math.tau * angle)
    u = np.float32(c / unit_y) * y - np.float32(s / unit_y) * x
    v = np.float32(s / unit_x) * y + np.float32(c / unit_x) * x
    return u, v


def shape_distance(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """How far points lie outside a shape of radius about 1; negative inside."""
    if shape == "circle":
        return np.sqrt(u * u + v * v) - 1
    if shape == "triangle":
        return _largest_two(_TRIANGLE, u, v)[0] - np.float32(0.78)
    if shape == "star":  # a point of a star is beyond at most one of its five sides
        return _largest_two(_STAR, u, v)[1] - np.float32(0.55)
    u, v = abs(u), abs(v)
    farther = np.maximum(u, v)
    if shape == "square":
        return farther - np.float32(0.89)
    # A cross: near one of the axes, and not too far along it.
    return np.maximum(np.minimum(u, v) - np.float32(0.4), farther - np.float32(1.2))


def _largest_two(directions, u, v):
    """Per point, the largest and the second largest of its coordinates along the directions."""
    first, second = np.full_like(u, -np.inf), np.full_like(u, -np.inf)
    for a, b in directions:
        along = np.float32(a) * u + np.float32(b) * v
        second = np.maximum(second, np.minimum(first, along))
        first = np.maximum(first, along)
    return first, second


def texture_mix(texture: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Which of two shades the texture shows at (u, v), in periods: 0 or 1, with soft edges.

    Stripes change along u only; a checkerboard is stripes along u times stripes along v.
    """
    wave = _wave(u)
    if texture == "checkered":
        wave = wave * _wave(v)
    return (wave * 3 + np.float32(0.5)).clip(0, 1)


def _wave(t):
    """Up and down between -1 and 1 with period 1: a sine made of straight lines."""
    return 4 * abs(t - np.floor(t + np.float32(0.5))) - 1


# Painting: what colour it has. The canvas is float32 (3, SIZE, SIZE), a colour (3, 1, 1).


def _between(limits, r):
    """r from [0, 1) to the range between the limits."""
    low, high = limits
    return low + (high - low) * r


def _background(rng):
    """One random colour shading into another in a random direction."""
    r = rng.random(7)
    start, end = _between(BACKGROUND, np.float32(r[1:]).reshape(2, 3, 1, 1))
    along, _ = turned(Y, X, r[0], 1.5 * SIZE, 1.5 * SIZE)
    return start + (along + np.float32(0.5)) * (end - start)


def _paint_object(canvas, rng, texture, shape):
    """Paint the object that gives the picture its class, wholly inside or nearly so."""
    down, right, radius, stretch, lean, period, turn, phase = rng.random(8)
    radius, stretch, period = _between(RADIUS, radius), _between(STRETCH, stretch), _between(PERIOD, period)
    room = SIZE / 2 - radius - 2
    y, x = Y - np.float32(_between((-room, room), down)), X - np.float32(_between((-room, room), right))
    u, v = turned(y, x, _between(LEAN, lean), radius * stretch, radius / stretch)
    coverage = _coverage(shape_distance(shape, u, v), radius)
    u, v = turned(y, x, turn, period, period)
    mix = texture_mix(texture, u + np.float32(phase), v)
    lighter = _between(OBJECT, np.float32(rng.random((3, 1, 1))))
    canvas += coverage * (lighter * (1 - mix * np.float32(1 - DARKER)) - canvas)


def _clutter(rng):
    """Small ellipses and blocks, as (row, column, colour (3, 1, 1), coverage (PIECE, PIECE)).

    All are computed at once: on patches this small, time goes by the number of NumPy calls.
    """
    r = rng.random((9, CLUTTER))
    rows, columns = (r[:2] * (SIZE - PIECE + 1)).astype(int)
    radius, stretch, turn, kind = r[2:6, :, None, None]
    radius = _between(CLUTTER_RADIUS, radius)
    stretch = _between(STRETCH, stretch)
    u, v = turned(PIECE_Y, PIECE_X, turn, radius * stretch, radius / stretch)
    outside = np.where(kind < 0.5, np.sqrt(u * u + v * v), np.maximum(abs(u), abs(v))) - 1
    colours = _between(CLUTTER_COLOUR, np.float32(r[6:].T[:, :, None, None]))
    return list(zip(rows, columns, colours, _coverage(outside, radius), strict=True))


def _paste(canvas, pieces):
    for row, column, colour, coverage in pieces:
        patch = canvas[:, row : row + PIECE, column : column + PIECE]
        patch += coverage * (colour - patch)


def _coverage(outside, radius):
    """How much of a pixel is covered, 0 to 1: half of it where the outline passes its centre."""
    return (np.float32(0.5) - outside * np.float32(radius)).clip(0, 1)
