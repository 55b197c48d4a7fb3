"""Archives and lists of labels of others, damaged anywhere: the set opens and its images are read, or one line."""

import io
import itertools
import tarfile
import zipfile

import pytest

from minidelve.data import open_splits
from minidelve.errors import DataError
from tests.data.files import encode, pixels_of, tar_bytes
from tests.fuzz.frame import Reader
from tests.fuzz.mutations import bytes_of, members_of

IMAGES = {
    f"{split}/{name}/{name}_{k}.png": encode(pixels_of(10 * k + len(name), 4))
    for split in ("train", "val")
    for name in ("ant", "honeybee")
    for k in range(2)
}
NAMES = {"words.txt": b"ant\tan ant\nhoneybee\ta bee\n"}
LISTED = {name: content for name, content in IMAGES.items() if name.startswith("train")} | {
    f"val/{k}.png": encode(pixels_of(k, 4)) for k in range(3)
}


def opened(path):
    """All that a set gives; of an image that cannot be read, the line that says so."""
    found = []
    for part in open_splits(path):
        found += [part.classes, part.class_names, part.labels.tolist(), part.strays, part.describe()]
        for i in range(len(part)):
            try:
                found.append(part.image(i).tobytes())
            except DataError as error:
                found.append(str(error))
    return found


def zip_of_methods() -> bytes:
    """A zip with a member of each compression that is read."""
    file = io.BytesIO()
    methods = itertools.cycle((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(file, "w") as archive:
        for (name, content), method in zip((IMAGES | NAMES).items(), methods, strict=False):
            archive.writestr(name, content, method)
    return file.getvalue()


def test_zips(fuzz, tmp_path):
    path = tmp_path / "set.zip"
    path.write_bytes(zip_of_methods())
    fuzz(Reader("zip", [path], lambda: opened(path), [bytes_of, members_of()]))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars(fuzz, tmp_path, form):
    path = tmp_path / "set.tar"
    long = {f"train/ant/{'a long name ' * 12}.png": encode(pixels_of(1, 4))}
    path.write_bytes(tar_bytes((IMAGES | NAMES | long).items(), format=form))
    fuzz(Reader(f"tar, {form}", [path], lambda: opened(path)))


def test_tars_of_class_tars(fuzz, tmp_path):
    inner = {f"{name}.tar": tar_bytes([(f"{name}_0.png", encode(pixels_of(1, 4)))]) for name in ("ant", "bee")}
    path = tmp_path / "ILSVRC2012_img_train.tar"
    path.write_bytes(tar_bytes(inner.items()))
    fuzz(Reader("tar of tars", [path], lambda: opened(tmp_path)))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("val/val.txt", b"0.png 0\n1.png 1\n2.png 1\n"),
        ("ILSVRC2012_validation_ground_truth.txt", b"1\n2\n1\n"),
    ],
)
def test_lists_of_labels(fuzz, tmp_path, file, content):
    path = folder(
        tmp_path / "set", LISTED | NAMES | {file: content, "map_clsloc.txt": b"ant 1 an_ant\nhoneybee 2 a_bee\n"}
    )
    files = [path / file, path / "words.txt", path / "map_clsloc.txt"]
    fuzz(Reader(file, files, lambda: opened(path)))


def test_tiny_imagenets_lists(fuzz, tmp_path):
    lists = {"wnids.txt": b"ant\nhoneybee\n", "val/val_annotations.txt": b"0.png\tant\t0\n1.png\thoneybee\t0\n"}
    images = {f"train/{name}/images/0.png": encode(pixels_of(1, 4)) for name in ("ant", "honeybee")}
    images |= {f"val/images/{k}.png": encode(pixels_of(k, 4)) for k in range(2)}
    path = folder(tmp_path / "set", images | lists | NAMES)
    files = [path / name for name in (*lists, "words.txt")]
    fuzz(Reader("Tiny-ImageNet's lists", files, lambda: opened(path)))


def folder(path, files):
    """A folder with these files."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path
