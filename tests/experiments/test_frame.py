"""The frame: finished parts are kept and used again, and what is written is complete and honest."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from minidelve.disk import files, owning, records
from minidelve.errors import RunError
from minidelve.experiments import ITEMS, Budget, Item, Verdict, again, frame, parts, style
from minidelve.experiments.frame import Work, reproduce
from minidelve.experiments.page import index
from minidelve.experiments.parts import Part, Parts, plain
from minidelve.experiments.rows import distinct
from minidelve.training.computing import computing_with

WHERE = "Figure 9 [arXiv v1: Figure 8]"


class Counting:
    """A toy item that counts its runs and may stop in the middle."""

    def __init__(self, stop_after=None, **changes):
        self.ran, self.stop_after = [], stop_after
        options = {
            "name": "count", "title": "a title", "paper": "Section 9.", "ours": "We count.",
            "where": WHERE,
            "budgets": {"quick": Budget(2, {"size": 3}), "lab": Budget(3, {"size": 4})},
            "variants": lambda budget: ["he, 14", "xavier"], "run": self.run,
            "table": lambda rows: (["a", "paper"], [[str(len(rows)), "7"]]),
            "claims": [SimpleNamespace(judge=lambda rows: Verdict(False, f"{len(rows)} rows."))], "draw": self.draw,
        } | changes  # fmt: skip
        self.item = Item(**options)

    def run(self, setup):
        if len(self.ran) == self.stop_after:
            raise KeyboardInterrupt
        self.ran.append((setup.variant, setup.seed))
        return [{"x": setup.budget["size"] + setup.seed / 3, "missing": float("nan")}]

    def draw(self, rows):
        figure, (axes,) = style.panels("$ is no formula")
        axes.plot([row["x"] for row in rows], label="x", **style.line(0))
        return figure

    def work(self, out, budget="quick", data="toy", seeds=None):
        return Work(self.item, budget, data, seeds, out)


def test_what_is_written(tmp_path):
    counting = Counting()
    result = reproduce(counting.work(tmp_path))
    assert (result.parts, result.found, result.verdict.holds) == (4, 0, False)
    assert sorted(p.name for p in (tmp_path / "count").iterdir()) == ["figure.png", "page.md", "parts", "results.csv"]
    assert (tmp_path / "count/figure.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((tmp_path / "count/results.csv").open()))
    assert [(row["variant"], row["seed"], row["x"]) for row in rows] == [
        ("he, 14", "0", "3.0"), ("xavier", "0", "3.0"),
        ("he, 14", "1", "3.3333333333333335"), ("xavier", "1", "3.3333333333333335")]  # fmt: skip
    assert {row["missing"] for row in rows} == {""}
    page = (tmp_path / "count/page.md").read_text()
    for part in ("# count: a title", WHERE, "Section 9.", "We count.", "**The trend does not hold.** 4 rows.",
                 "| 4 | 7 |", "seeds: 0 to 1", "quick: size 3", "data: `toy`",
                 "`minidelve reproduce count --data toy --budget quick --seeds 2`"):  # fmt: skip
        assert part in page, part


def test_interrupted_work_goes_on_where_it_was(tmp_path):
    stopped = Counting(stop_after=3)
    with pytest.raises(KeyboardInterrupt, match="finished parts are kept"):
        reproduce(stopped.work(tmp_path))
    rest = Counting()
    result = reproduce(rest.work(tmp_path))
    assert rest.ran == [("xavier", 1)] and result.found == 3
    at_once = Counting()
    reproduce(at_once.work(tmp_path / "other"))
    for name in ("results.csv",):
        assert (tmp_path / "count" / name).read_bytes() == (tmp_path / "other/count" / name).read_bytes()


def test_nothing_is_said_to_be_kept_before_a_part_is_finished(tmp_path):
    with pytest.raises(KeyboardInterrupt, match="^no part of count was finished$"):
        reproduce(Counting(stop_after=0).work(tmp_path))
    reproduce(Counting().work(tmp_path))
    with pytest.raises(KeyboardInterrupt, match="finished parts are kept"):
        reproduce(Counting(stop_after=0).work(tmp_path, seeds=3))  # those of the first two seeds


def test_the_page_is_written_before_the_figure_is_drawn(tmp_path):
    seen = []

    def draw(rows):
        seen.append(sorted(p.name for p in (tmp_path / "count").iterdir() if p.suffix))
        raise MemoryError

    reproduce(Counting().work(tmp_path))
    assert reproduce(Counting(draw=draw).work(tmp_path)).verdict.sentence == "4 rows."
    assert seen == [["figure.png", "page.md", "results.csv"]]
    assert not (tmp_path / "count/figure.png").exists()  # the old one shows other numbers


def test_more_seeds_keep_the_first_and_fewer_use_only_those_asked_for(tmp_path):
    reproduce(Counting().work(tmp_path))
    more = Counting()
    assert reproduce(more.work(tmp_path, seeds=3)).parts == 6
    assert more.ran == [("he, 14", 2), ("xavier", 2)]
    fewer = Counting()
    assert reproduce(fewer.work(tmp_path, seeds=1)).parts == 2 and fewer.ran == []


def test_other_settings_or_other_data_are_other_parts(tmp_path):
    reproduce(Counting().work(tmp_path, seeds=1))
    for changed in ({"budget": "lab"}, {"data": "/elsewhere"}):
        counting = Counting()
        reproduce(counting.work(tmp_path, seeds=1, **changed))
        assert len(counting.ran) == 2, changed
    again = Counting()
    reproduce(again.work(tmp_path, seeds=1))  # what was first there is still there
    assert again.ran == []


def test_data_do_not_matter_to_an_item_without_images(tmp_path):
    reproduce(Counting(uses_data=False).work(tmp_path))
    other = Counting(uses_data=False)
    reproduce(other.work(tmp_path, data="/elsewhere"))
    assert other.ran == [] and "none needed" in (tmp_path / "count/page.md").read_text()


def test_an_item_without_chance_runs_once(tmp_path):
    counting = Counting(random=False)
    assert reproduce(counting.work(tmp_path, seeds=5)).parts == 2
    page = (tmp_path / "count/page.md").read_text()
    assert "nothing is random" in page and "--seeds" not in page


def shortened(text):
    return text[:50]


def other_number(text):
    return text.replace('"x": 3.0', '"x": 3.1', 1)


def without_seal(text):
    return json.dumps({name: value for name, value in json.loads(text).items() if name != "crc32"})


def sealed_with(**changes):
    return lambda text: records.sealed(records.unsealed(text) | changes)


SPOILT = [
    shortened, other_number, without_seal, lambda text: "", lambda text: "[" * 5000, lambda text: "9" * 5000,
    lambda text: "[]", lambda text: "3", sealed_with(rows=3), sealed_with(rows=[{"x": 1}]), sealed_with(seconds="1"),
    sealed_with(rows=[{"variant": "xavier", "seed": 0}]), sealed_with(machine=None), sealed_with(settings={"size": 4}),
    sealed_with(seconds=float("nan")),
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_part_is_run_again_and_said(tmp_path, capsys, spoil):
    reproduce(Counting().work(tmp_path))
    spoilt = sorted((tmp_path / "count/parts").iterdir())[0]
    spoilt.write_text(spoil(spoilt.read_text()))
    capsys.readouterr()
    counting = Counting()
    reproduce(counting.work(tmp_path))
    assert counting.ran == [("he, 14", 0)] and records.unsealed(spoilt.read_text())["rows"]
    said = capsys.readouterr().err.splitlines()[0]
    assert f"{spoilt} is damaged (" in said and "this part is run again" in said


def test_parts_that_changed_places_are_run_again(tmp_path):
    reproduce(Counting().work(tmp_path))
    one, other = sorted((tmp_path / "count/parts").iterdir())[:2]
    one.write_bytes(other.read_bytes())
    counting = Counting()
    reproduce(counting.work(tmp_path))
    assert counting.ran == [("he, 14", 0)]


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "count").mkdir()
    (tmp_path / "count/thesis.tex").write_text("dear")
    counting = Counting()
    with pytest.raises(RunError, match=r"thesis.tex.*not an item's"):
        reproduce(counting.work(tmp_path))
    assert counting.ran == []


def test_a_folder_that_another_process_works_in_is_refused(tmp_path):
    counting = Counting()
    with counting.work(tmp_path).folder, pytest.raises(RunError, match="count is in use by process"):
        reproduce(counting.work(tmp_path))
    assert counting.ran == [] and not list(tmp_path.iterdir())
    reproduce(counting.work(tmp_path))
    assert len(counting.ran) == 4 and not (tmp_path / "count" / owning.LOCK).exists()


def test_the_index_links_every_page():
    item = Counting().item
    text = index([(item, Verdict(None, "a | b"), "3 s")])
    assert f"| [count](count/page.md) | {WHERE} | a title | cannot be told | a \\| b | 3 s |" in text


@pytest.mark.parametrize("item", ITEMS.values(), ids=list(ITEMS))
def test_every_item_is_whole(item):
    assert set(item.budgets) == {"quick", "class", "lab", "full"}
    assert item.name == next(name for name, value in ITEMS.items() if value is item)
    for budget in item.budgets.values():
        variants = list(item.variants(budget))
        assert variants and len(variants) == len(set(variants))
        json.dumps(dict(budget.settings))  # what parts are known by


def test_lines_differ_without_colours():
    looks = [(style.line(i)["linestyle"], style.line(i)["marker"]) for i in range(len(style.LINES))]
    assert len({str(look) for look in looks}) == len(looks) and len({m for _, m in looks}) == len(looks)
    assert distinct([{"a": 2}, {"a": 1}, {"a": 2}], "a") == [2, 1]


def test_a_part_is_told_where_it_runs_and_its_time_counts_earlier_work(tmp_path):
    seen = []

    def run(setup):
        seen.append((setup.variant, setup.seed, setup.data, setup.runs, setup.device))
        setup.earlier += 100.0
        return [{"x": 1.0}]

    counting = Counting(run=run)
    result = reproduce(replace(counting.work(tmp_path, seeds=1), device="cuda"))
    assert seen == [(v, 0, "toy", tmp_path / "runs", "cuda") for v in ("he, 14", "xavier")]
    assert 200 <= result.seconds < 210


def test_another_device_and_another_version_are_other_parts(tmp_path, monkeypatch):
    reproduce(Counting().work(tmp_path, seeds=1))
    device = Counting()
    reproduce(replace(device.work(tmp_path, seeds=1), device="cuda"))
    assert len(device.ran) == 2 and "--seeds 1 --device cuda`" in (tmp_path / "count/page.md").read_text()
    monkeypatch.setattr(parts, "__version__", "another")
    newer = Counting()
    reproduce(newer.work(tmp_path, seeds=1))
    assert len(newer.ran) == 2


def test_variants_that_read_alike_have_files_of_their_own(tmp_path):
    finished = Parts(tmp_path, Counting().item, Budget(1, {}), "toy")
    assert finished.path("a, 1", 0) != finished.path("a=1", 0)


def test_a_part_appears_only_when_it_is_complete(tmp_path, monkeypatch):
    def killed(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", killed)
    finished = Parts(tmp_path, Counting().item, Budget(1, {}), "toy")
    with pytest.raises(KeyboardInterrupt):
        finished.keep("he", 0, Part([{"x": 1}], 1.0, "here"))
    assert not list(tmp_path.glob("*.json")) and finished.load("he", 0) is None


def test_an_error_names_the_part(tmp_path):
    def run(setup):
        raise RunError("boom")

    with pytest.raises(RunError, match="count, he, 14, seed 0: boom"):
        reproduce(Counting(run=run).work(tmp_path))


def test_the_csv_does_not_tell_where_the_data_lie(tmp_path):
    counting = Counting(run=lambda setup: [{"x": 1.0, "path": f"{setup.data}/val/1.png"}])
    reproduce(counting.work(tmp_path, data="/else/where/four"))
    text = (tmp_path / "count/results.csv").read_text()
    assert ",four/val/1.png" in text and "/else" not in text


def test_every_machine_that_had_a_part_in_it_is_named(tmp_path):
    reproduce(Counting().work(tmp_path))
    first = sorted((tmp_path / "count/parts").iterdir())[0]
    first.write_text(records.sealed(records.unsealed(first.read_text()) | {"machine": "an abacus"}))
    reproduce(Counting().work(tmp_path))
    page = (tmp_path / "count/page.md").read_text()
    assert "an abacus" in page and frame.machine() in page


def test_infinity_is_no_number_of_json():
    assert plain(np.float32("inf")) is None and plain(-np.inf) is None


def test_what_is_derived_is_read_by_claims_and_table_but_not_kept(tmp_path):
    counting = Counting(derived=lambda rows: [row | {"variant": "mean"} for row in rows])
    assert reproduce(counting.work(tmp_path)).verdict.sentence == "8 rows."
    assert "| 8 | 7 |" in (tmp_path / "count/page.md").read_text()
    assert len((tmp_path / "count/results.csv").read_text().splitlines()) == 5


def test_a_page_is_made_again_from_its_csv(tmp_path, monkeypatch):
    counting = Counting()
    reproduce(counting.work(tmp_path))
    first = {name: (tmp_path / "count" / name).read_bytes() for name in ("page.md", "figure.png")}
    (tmp_path / "count/figure.png").unlink()
    again.again(counting.item, tmp_path, "toy")
    assert first == {name: (tmp_path / "count" / name).read_bytes() for name in first}
    monkeypatch.setattr(again, "ITEMS", {"count": counting.item})
    again.write_index(tmp_path)
    assert "| does not hold | 4 rows. | " in (tmp_path / "index.md").read_text()


@pytest.mark.parametrize("inside", ["/", "!"])  # of a folder, of an archive
def test_images_are_found_where_the_data_lie_now(inside):
    rows = [{"data": "four.zip", "path": f"four.zip{inside}val/1.png", "name": "four.zips"}]
    found = {"data": "/x/four.zip", "path": f"/x/four.zip{inside}val/1.png", "name": "four.zips"}
    assert again.located(rows, "four.zip", "/x/four.zip") == [found]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff", "can't decode"), (b"", "is not a results.csv"), (b"a,b\n1,2\n", "its columns are"),
        (b"variant,seed,seed\n", "its columns are"), (b"variant,seed,x\nhe,1\n", "shorter"),
        (b"variant,seed\nhe,1,2\n", "longer"), (b"variant,seed\n" + b"a" * 140_000 + b",1\n", "field"),
        (None, "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_csv_of_results_is_one_line(tmp_path, content, problem):
    if content is not None:
        (tmp_path / "results.csv").write_bytes(content)
    with pytest.raises(RunError, match=problem) as refusal:
        again.read_rows(tmp_path / "results.csv")
    assert str(refusal.value).isprintable() and len(str(refusal.value)) < 1000


def test_a_number_that_python_does_not_read_stays_text(tmp_path):
    (tmp_path / "results.csv").write_text(f"variant,seed,x\nhe,0,{'9' * 5000}\nhe,1,nan\n")
    assert [row["x"] for row in again.read_rows(tmp_path / "results.csv")] == ["9" * 5000, "nan"]


def test_parts_computed_otherwise_are_other_parts(tmp_path):
    """By kernels or an algorithm that were asked for by name: their last digits differ."""
    counting = Counting()
    assert reproduce(counting.work(tmp_path)).found == 0
    for asked in ({"kernels": "reference"}, {"algorithm": "im2col"}):
        with computing_with(**asked):
            assert [reproduce(counting.work(tmp_path)).found for _ in range(2)] == [0, 4]
    assert reproduce(counting.work(tmp_path)).found == 4
