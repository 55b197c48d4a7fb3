"""The name of a test is the claim it makes: short enough to be read in a line of pytest's report."""

import re

from tests.helpers import ROOT

LONGEST = 70


def test_names_of_tests_are_short():
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^ *def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        if len(name) > LONGEST
    }
    assert found == set(), f"longer than {LONGEST} characters"
