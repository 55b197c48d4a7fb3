"""Files from outside that once ended in a traceback or were called broken (cases/)."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minidelve.data import decode, open_dataset
from minidelve.errors import DataError

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("overflow.tar", "is not a tar archive that can be read"),
        ("sparse-map.tar", "is not a tar archive that can be read"),
        ("directory-before-the-file.zip", "its directory would begin before the file does"),
    ],
)
def test_a_damaged_archive_is_refused_by_one_line(name, problem):
    with pytest.raises(DataError, match=f"{name}: .*{problem}") as caught:
        open_dataset(CASES / name)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_not_utf8_does_not_matter():
    dataset = open_dataset(CASES / "name-not-utf8.zip")
    assert len(dataset) > 0 and all("name-not-utf8.zip!train/" in dataset.path(i) for i in range(len(dataset)))


def test_a_png_with_a_long_text_is_good():
    assert decode(CASES / "png_bigitxt.png").shape == (72, 80, 3)


def test_a_jpeg_with_a_resolution_in_text_is_turned():
    plain, turned = (decode(CASES / "exif_o6_strres.jpg", upright=upright) for upright in (False, True))
    np.testing.assert_array_equal(turned, plain[::-1].transpose(1, 0, 2))
    np.testing.assert_array_equal(plain, np.asarray(Image.open(CASES / "exif_o6_strres.jpg")))
