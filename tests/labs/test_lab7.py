"""Lab 7's text: its pieces are the tasks, and the variant's text is the same but for what it is about."""

import re

from minidelve.labs.course import lab

VARIANT = lab(7, "nesterov")


def sections(text: str) -> dict[str, str]:
    """The text under each heading."""
    return dict(re.findall(r"^#+ (.*?)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL))


def test_the_text_names_every_function_to_write_under_its_task():
    text = (lab(7).folder / "lab.md").read_text(encoding="utf-8")
    pieces = [head for head in sections(text) if re.match(r"\d", head)]
    assert len(pieces) == len(lab(7).tasks)
    for task, head in zip(lab(7).tasks, pieces, strict=True):
        names = [blank.partition(":")[2] for blank in task.blanks]
        assert all(f"`{name}" in head for name in names) and task.file in head, head


def test_the_variants_text_differs_in_its_own_piece_and_experiment_alone():
    own, whole = (sections((folder / "lab.md").read_text(encoding="utf-8")) for folder in
                  (VARIANT.folder, lab(7).folder))  # fmt: skip
    heads = set(own) & set(whole)
    different = {head.partition("(")[0] for head in heads if own[head] != whole[head]}
    assert different == {"What you will have done", "1. `momentum_step", "The experiment", "The question"}
    assert len(own) == len(whole) == len(heads) + 1  # the title


def test_the_variant_is_lab_7_with_another_momentum():
    assert VARIANT.blanks == lab(7).blanks
    assert {m.task for m in VARIANT.mistakes()} == {m.task for m in lab(7).mistakes()}
    assert [m.id[:3] for m in VARIANT.mistakes() if m.task == "momentum_step"] == ["ne-"] * 10
