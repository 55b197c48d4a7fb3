"""Weights of Caffe, .caffemodel: a protobuf message whose layers hold blobs.

A message of protobuf is a list of fields, each with a number and a value, which may be a message again. It says of a
field its number and not its name: caffe.proto has the names
(https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto). A blob is an array: a shape and its numbers.

Two generations are read. A V1 layer has a number for its type and 4-D blobs, a bias being (1, 1, 1, out); its
successor has a name for its type and blobs of any shape, and knows PReLU. The arrays are named

    <layer>.weight    of convolutions (out, in, kh, kw) and fully connected layers (out, in)
    <layer>.bias
    <layer>.slope     of a PReLU layer, named for the layer before it, to whose output it belongs: (C,), or (1,)

Only the fields that are needed are declared. Numbers of a blob are declared as bytes, which is how they lie in the
file: a list of 100 million Python floats would take gigabytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minidelve.disk.files import read_file
from minidelve.errors import shown
from minidelve.interchange.libraries import library
from minidelve.interchange.weights.entries import Entries, Entry

MOST_BYTES = 2**31 - 1  # of a protobuf message
# message: {field: (number, type)}. A * marks a list.
MESSAGES = {
    "NetParameter": {"layers": (2, "V1LayerParameter*"), "layer": (100, "LayerParameter*")},
    "LayerParameter": {
        "name": (1, "bytes"), "type": (2, "bytes"), "bottom": (3, "bytes*"), "top": (4, "bytes*"),
        "blobs": (7, "BlobProto*"),
    },
    "V1LayerParameter": {
        "bottom": (2, "bytes*"), "top": (3, "bytes*"), "name": (4, "bytes"), "type": (5, "int64"),
        "blobs": (6, "BlobProto*"),
    },
    "BlobProto": {
        "num": (1, "int64"), "channels": (2, "int64"), "height": (3, "int64"), "width": (4, "int64"),
        "data": (5, "bytes*"), "shape": (7, "BlobShape"), "double_data": (8, "bytes*"),
    },
    "BlobShape": {"dim": (1, "int64*")},
}  # fmt: skip
CONVOLUTION, FULLY_CONNECTED, PRELU = "Convolution", "InnerProduct", "PReLU"
V1_TYPES = {4: CONVOLUTION, 14: FULLY_CONNECTED}
V1_SHAPE = ("num", "channels", "height", "width")  # fields that the successor has replaced by one, shape
DIMENSIONS = {CONVOLUTION: 4, FULLY_CONNECTED: 2}  # of a layer's weight


def read(path: Path) -> Entries:
    """The arrays of a file. Raises ValueError, OSError and what protobuf raises."""
    net = net_parameter().FromString(read_file(path, MOST_BYTES))
    found: dict[str, Entry] = {}
    for name, entry in arrays_of(net):
        if name in found:
            raise ValueError(f"{shown(name)} is in it twice")
        found[name] = entry
    if not found:
        raise ValueError("no layer in it has weights")
    return found


def arrays_of(net: Any) -> Iterator[tuple[str, Entry]]:
    """(name, array) of every layer that has some, in the order of the layers.

    What a layer reads is called its bottom, what it makes its top. A PReLU's bottom leads to the layer before it.
    """
    made_by: dict[bytes, str] = {}  # top -> the layer with weights that made it
    for layer in (*net.layers, *net.layer):
        if not layer.blobs:
            continue
        name, blobs = text(layer.name), layer.blobs
        kind = V1_TYPES.get(layer.type, str(layer.type)) if isinstance(layer.type, int) else text(layer.type)
        if kind == PRELU and len(blobs) == 1:
            before = made_by.get(layer.bottom[0], name) if layer.bottom else name
            yield f"{before}.slope", entry_of(blobs[0], 1)
        elif kind in DIMENSIONS and len(blobs) <= 2:
            made_by[layer.top[0] if layer.top else layer.name] = name
            yield f"{name}.weight", entry_of(blobs[0], DIMENSIONS[kind])
            if len(blobs) == 2:
                yield f"{name}.bias", entry_of(blobs[1], 1)
        else:  # under names that no network has: where the file is compared with one, they are called unknown
            yield from ((f"{name}.{i} of {kind}", entry_of(blob, 1)) for i, blob in enumerate(blobs))


def entry_of(blob: Any, dimensions: int) -> Entry:
    """A blob as an array of so many dimensions: a 4-D shape loses the ones in front, (1, 1, 1, out) becomes (out,).

    Caffe writes no shape at all for a single number, such as a slope that all channels share; here that is (1,).
    """
    is_v1 = any(map(blob.HasField, V1_SHAPE))
    shape = tuple(getattr(blob, name) for name in V1_SHAPE) if is_v1 else tuple(blob.shape.dim)
    while len(shape) > dimensions and shape[0] == 1:
        shape = shape[1:]
    shape = shape or (1,)
    return Entry(shape, lambda: numbers_of(blob, shape))


def numbers_of(blob: Any, shape: Sequence[int]) -> np.ndarray:
    """The numbers of a blob; ValueError where they are not as many as its shape says."""
    pieces, dtype = (blob.data, "<f4") if blob.data else (blob.double_data, "<f8")
    content = b"".join(pieces)
    if len(content) != math.prod(shape) * np.dtype(dtype).itemsize:
        raise ValueError(f"a blob of shape {shown(tuple(shape))} has {len(content):,} bytes")
    return np.frombuffer(content, dtype).reshape(shape)


def text(name: bytes) -> str:
    """A name, whatever its bytes are."""
    return name.decode("utf-8", "replace")


@cache
def net_parameter() -> Any:
    """The class of the message NetParameter. RunError without protobuf."""
    of_what = "a .caffemodel file"
    descriptors = library("google.protobuf.descriptor_pb2", "weights", of_what)
    pools = library("google.protobuf.descriptor_pool", "weights", of_what)
    factory = library("google.protobuf.message_factory", "weights", of_what)
    proto = descriptors.FileDescriptorProto(name="minidelve/caffe.proto", package="caffe", syntax="proto2")
    for message, fields in MESSAGES.items():
        declared = proto.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            field = declared.field.add(name=name, number=number)
            field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            if kind in MESSAGES:
                field.type, field.type_name = field.TYPE_MESSAGE, f".caffe.{kind}"
            else:
                field.type = {"bytes": field.TYPE_BYTES, "int64": field.TYPE_INT64}[kind]
    pool = pools.DescriptorPool()
    pool.Add(proto)
    return factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))
