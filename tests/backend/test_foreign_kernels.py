"""A folder or package called kernels that is not ours: each gets its own cure."""

import os

import pytest

from tests.helpers import ROOT, python


@pytest.fixture
def foreign(tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "__init__.py").write_text("", encoding="utf-8")
    return tmp_path


def last_line(*arguments, path=ROOT, **options):
    done = python(*arguments, exit_code=1, environment={"PYTHONPATH": str(path)}, **options)
    return done.stderr.strip().splitlines()[-1]


def test_where_python_was_started(foreign):
    for arguments in (("-c", "import minidelve"), ("-m", "minidelve", "--version")):
        error = last_line(*arguments, cwd=foreign)
        assert str(foreign / "kernels") in error and error.endswith(
            "start Python in another folder, or rename that one"
        )


def test_beside_the_script(foreign, tmp_path):
    (foreign / "mine.py").write_text("import minidelve", encoding="utf-8")
    assert "start Python in another folder, or rename" in last_line(foreign / "mine.py", cwd="/")


def test_on_pythonpath(foreign):
    error = last_line("-c", "import minidelve", path=f"{foreign}{os.pathsep}{ROOT}", cwd="/")
    assert "; take its parent off PYTHONPATH, rename it, or install" in error


def test_installed_by_another_project(tmp_path):
    site = tmp_path / "site-packages"
    (site / "kernels").mkdir(parents=True)
    (site / "kernels" / "__init__.py").write_text("", encoding="utf-8")
    error = last_line("-c", "import minidelve", path=f"{site}{os.pathsep}{ROOT}", cwd="/")
    assert error.endswith("install minidelve in a fresh virtual environment")


def test_a_plain_folder_does_not_hide_ours(tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "minidelve").mkdir()
    code = "import minidelve, kernels; print(minidelve.__file__, kernels.__file__)"
    found = python("-c", code, cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)}).stdout.split()
    assert found == [str(ROOT / "minidelve" / "__init__.py"), str(ROOT / "kernels" / "__init__.py")]
