"""Networks and files as other programs have them, made by hand: torchvision's VGG, Caffe's messages, safetensors."""

from __future__ import annotations

import json
import struct

import numpy as np

IMAGENET = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)  # mean, deviation
CAFFE_BGR = np.array([103.939, 116.779, 123.68], np.float32)


def torch_vgg(torch, channels=(2, 3, 4, 5, 5), fc=6, classes=4, side=2, prelu=False, seed=0):
    """VGG-19 with torchvision's names, and random weights under which no layer dies or explodes."""
    torch.manual_seed(seed)
    nn, layers, c = torch.nn, [], 3
    for width, count in zip(channels, (2, 2, 4, 4, 4), strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(c, width, 3, padding=1), nn.PReLU(width, 0.1) if prelu else nn.ReLU()]
            c = width
        layers.append(nn.MaxPool2d(2, 2))

    class VGG(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(*layers)
            self.avgpool = nn.AdaptiveAvgPool2d((side, side))
            act = (lambda: nn.PReLU(fc)) if prelu else nn.ReLU
            self.classifier = nn.Sequential(
                nn.Linear(c * side * side, fc), act(), nn.Dropout(), nn.Linear(fc, fc), act(), nn.Dropout(),
                nn.Linear(fc, classes),
            )  # fmt: skip

        def forward(self, x):
            return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

    net = VGG().eval()
    for name, p in net.named_parameters():
        if p.ndim > 1:
            nn.init.kaiming_normal_(p)
        elif name.endswith("bias"):
            nn.init.normal_(p, std=0.1)
    return net


def as_torchvision(pixels):
    """uint8 (N, H, W, 3) -> what a network of torchvision is given, (N, 3, H, W)."""
    return ((pixels / np.float32(255) - IMAGENET[0]) / IMAGENET[1]).transpose(0, 3, 1, 2).astype(np.float32)


def as_caffe(pixels):
    """uint8 (N, H, W, 3) -> what a network of Caffe is given, blue first."""
    return (pixels[..., ::-1] - CAFFE_BGR).transpose(0, 3, 1, 2).astype(np.float32)


# ---- protobuf, by hand: tag, length, content ----


def varint(n: int) -> bytes:
    """An integer, seven bits a byte."""
    head = b""
    while n > 127:
        head += bytes([n & 127 | 128])
        n >>= 7
    return head + bytes([n])


def field(number: int, value: int | bytes) -> bytes:
    """A field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(array: np.ndarray, legacy: bool, double: bool = False) -> bytes:
    """A BlobProto: with the 4-D shape of old, or with one of its own, which a single number lacks as in Caffe."""
    if legacy:
        shape = (1,) * (4 - array.ndim) + array.shape
        head = b"".join(field(i, n) for i, n in enumerate(shape, 1))
    else:
        head = field(7, field(1, b"".join(map(varint, array.shape)))) if array.ndim else b""
    return head + (field(8, array.astype("<f8").tobytes()) if double else field(5, array.astype("<f4").tobytes()))


def caffemodel(arrays: dict[str, np.ndarray], generation: int, double: bool = False) -> bytes:
    """A NetParameter whose layers are "conv1_1" (weight and bias) or, with one array, "relu1_1" of type PReLU."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        layers.setdefault(name.rpartition(".")[0], {})[name.rpartition(".")[2]] = array
    message = field(1, b"a net")
    for name, own in layers.items():
        dense = own["weight"].ndim == 2
        for kind, parts in (("ip" if dense else "conv", [own["weight"], own["bias"]]), ("prelu", [own.get("slope")])):
            if parts[0] is None:
                continue
            blobs = [blob(part, generation == 1, double) for part in parts]
            own_name = (f"relu{name}" if kind == "prelu" else name).encode()
            if generation == 1:
                number = {"ip": 14, "conv": 4}[kind]
                body = field(2, b"below") + field(3, name.encode()) + field(4, own_name) + field(5, number)
                message += field(2, body + b"".join(field(6, part) for part in blobs))
            else:
                below = name.encode() if kind == "prelu" else b"below"
                type_name = {"ip": b"InnerProduct", "conv": b"Convolution", "prelu": b"PReLU"}[kind]
                body = field(1, own_name) + field(2, type_name) + field(3, below) + field(4, name.encode())
                message += field(100, body + b"".join(field(7, part) for part in blobs))
    return message


# ---- safetensors, by hand ----


def safetensors(header: dict | bytes, content: bytes = b"", length: int | None = None) -> bytes:
    """A file with this header, and with this length of it where it lies about it."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + content


def array_of(shape, begin: int, size: int = 4) -> dict:
    """An array in a safetensors header."""
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, begin + size * int(np.prod(shape))]}
