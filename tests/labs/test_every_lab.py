"""What holds for every lab that there is, tried as a student's files are: in a process of its own.

What is known of mistakes is tested in test_mistakes.py, without such a process.
"""

import os
from pathlib import Path

import pytest

from minidelve.labs import course
from minidelve.labs.blanks import original, skeletons
from minidelve.labs.course import Lab
from minidelve.labs.judging.judge import Judge, Verdict
from minidelve.labs.trial.stripped import stripped
from minidelve.labs.trial.trying import Trial, tried

LABS = [lab for lab in course.labs() if lab.tasks]
WITH_VARIANTS = [*LABS, *(course.lab(lab.number, v) for lab in LABS for v in course.variants(lab.number))]


def name(lab: Lab) -> str:
    return f"lab{lab.number}-{lab.variant}" if lab.variant else f"lab{lab.number}"


def untouched(lab: Lab) -> dict[str, str]:
    return {file: text for each in lab.tried_on for file, text in skeletons(each).items()}


def verdicts_on(lab: Lab, files: dict[str, str], folder: Path, **options) -> tuple[list[Verdict], Trial]:
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    judge = Judge(lab, [2015, lab.number])
    trial = tried(lab, folder, judge.cases, **options)
    assert not trial.failed and not trial.others
    return list(judge.verdicts(trial.observed, trial.ended).values()), trial


@pytest.mark.parametrize("lab", WITH_VARIANTS, ids=name)
def test_the_untouched_skeleton_is_worth_nothing(lab, tmp_path):
    verdicts, _ = verdicts_on(lab, untouched(lab), tmp_path)
    assert {v.task.name: v.points for v in verdicts if v.points or v.status not in ("blank", "waits")} == {}


@pytest.mark.parametrize("lab", LABS, ids=name)
def test_the_products_own_bodies_are_worth_all_points(lab, tmp_path):
    """And so they are with all answers taken out of what lies under them, those of later labs too."""
    later = [each for each in LABS if each.number > lab.number]
    with stripped(lab, others=later) as product:
        files = {file: original(file) for file in lab.files}
        verdicts, trial = verdicts_on(lab, files, tmp_path, product=product, confined=True)
    assert {v.task.name: (v.status, v.findings) for v in verdicts if v.points < v.task.points} == {}
    assert sum(v.points for v in verdicts) == 10
    assert set(trial.ended.values()) == {""} and trial.modules == {file: file for file in lab.files}


@pytest.mark.parametrize("lab", LABS, ids=name)
def test_nothing_that_a_process_reads_holds_an_answer(lab):
    with stripped(lab) as product:
        files = {str(path.relative_to(product)) for path in product.rglob("*") if path.is_file()}
        texts = {file: (product / file).read_text(encoding="utf-8") for file in lab.files}
    assert texts == untouched(lab)
    wanted = {"right.py", "mistakes.py", "judge.py", "cases.py", "values.py"}
    assert {file for file in files if os.path.basename(file) in wanted or not file.endswith(".py")} == set()
    folders = {file.split("/")[1] for file in files if file.startswith("kernels/")}
    assert folders == {"__init__.py", "contract.py", "numba_cpu", "reference"}
    assert {file for file in files if "numba_cpu" in file} == {"kernels/numba_cpu/__init__.py"}
