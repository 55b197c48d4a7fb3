"""The examples that use a GPU where there is one: their CUDA code computes what they say."""

import re

from tests.helpers import ROOT, python


def test_four_languages_has_its_rungs_on_the_device_and_they_agree():
    said = python(ROOT / "examples" / "four_languages.py", 1, 40, 16).stdout
    rungs = re.findall(r"^  (\S.*?)\s+[\d.]+ ns", said.partition("GPU:")[2], re.M)
    assert len(rungs) == 4 and "CUDA C, a thread a number, atomic additions" in rungs
