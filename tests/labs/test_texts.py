"""What the labs' texts say to try runs, in a folder with the product's own files."""

import re

import pytest

from minidelve.labs.blanks import original
from minidelve.labs.course import COURSE, lab

TEXTS = sorted(COURSE.glob("lab*/lab.md"))


@pytest.mark.parametrize("text", TEXTS, ids=[path.parent.name for path in TEXTS])
def test_the_python_of_a_text_runs(text, tmp_path, monkeypatch):
    for file in lab(int(text.parent.name.removeprefix("lab"))).blanks:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(original(file), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", text.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, text.name, "exec"), {})


@pytest.mark.parametrize("text", TEXTS, ids=[path.parent.name for path in TEXTS])
def test_a_text_names_every_function_to_write(text):
    words = text.read_text(encoding="utf-8")
    blanks = lab(int(text.parent.name.removeprefix("lab"))).blanks
    assert [name for names in blanks.values() for name in names if name.split(".")[-1] not in words] == []
