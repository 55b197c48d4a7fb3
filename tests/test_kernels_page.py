"""docs/kernels.md shows code of the kernel folders: it is the code that runs."""

import re

from tests.helpers import ROOT

SHOWN = re.compile(r"<!-- from (\S+) -->\n```\w+\n(.*?)\n```", re.DOTALL)


def test_every_excerpt_is_the_file_s_text():
    shown = SHOWN.findall((ROOT / "docs" / "kernels.md").read_text(encoding="utf-8"))
    assert {file.split("/")[1] for file, _ in shown} == {"reference", "numba_cpu", "numba_cuda", "cupy_cuda"}
    for file, code in shown:
        assert code in (ROOT / file).read_text(encoding="utf-8"), f"docs/kernels.md: {file} has changed"
