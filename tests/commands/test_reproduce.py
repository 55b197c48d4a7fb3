"""`minidelve reproduce`: what a user sees, and what a user can get wrong."""

from dataclasses import replace

import pytest

from minidelve.commands import reproduce
from minidelve.errors import Diverged
from minidelve.experiments import ITEMS, Budget, Verdict, fisher, signal
from minidelve.experiments.frame import Result

UNTRAINED = ("signal", "fisher", "momentum")


@pytest.fixture
def small(monkeypatch) -> None:
    """The items that train nothing, with budgets of a moment."""
    items = {name: ITEMS[name] for name in UNTRAINED}
    for name, settings in (
        ("signal", {"networks": 1, "widths": (4, 8)}),
        ("fisher", {"inputs": 8, "units": 4, "batches": 1, "steps": 10}),
    ):
        items[name] = replace(items[name], budgets={b: Budget(2, settings) for b in reproduce.BUDGETS})
    monkeypatch.setattr(reproduce, "ITEMS", items)
    monkeypatch.setattr(signal, "DEPTHS", (3, 4))


def test_all_writes_every_item_and_an_index(cli, small, tmp_path):
    code, out, err = cli("reproduce", "all", "--out", tmp_path / "r")
    assert code == 0 and err.splitlines() == [f"{name}: item {i} of 3" for i, name in enumerate(UNTRAINED, 1)]
    index = (tmp_path / "r/index.md").read_text()
    for name in UNTRAINED:
        assert f"{name}: the trend " in out and f"[{name}]({name}/page.md)" in index
        for file in ("page.md", "figure.png", "results.csv"):
            assert (tmp_path / "r" / name / file).stat().st_size > 100
    again = cli("reproduce", "all", "--out", tmp_path / "r")
    assert again.code == 0 and "fisher: 12 of 12 parts are there already" in again.err
    assert (tmp_path / "r/index.md").read_text() == index


def test_one_item_on_a_data_set_with_one_seed(cli, small, tiny_data, tmp_path):
    code, out, _ = cli("reproduce", "signal", "--data", tiny_data, "--seeds", 1, "--out", tmp_path)
    assert code == 0 and "signal: the trend " in out and "10 parts" in out
    page = (tmp_path / "signal/page.md").read_text()
    assert f"minidelve reproduce signal --data {tiny_data.name} --budget quick --seeds 1`" in page
    assert not (tmp_path / "index.md").exists()
    code, _, err = cli("reproduce", "fisher", "--data", "/nowhere", "--out", tmp_path)
    assert code == 0 and "fisher needs no images: --data /nowhere has no part in it" in err


def test_the_budget_has_its_effect(cli, monkeypatch, tmp_path):
    settings = {"inputs": 8, "units": 4, "batches": 1, "steps": 10}
    budgets = {name: Budget(seeds, settings) for name, seeds in (("quick", 1), ("lab", 3), ("full", 4))}
    monkeypatch.setattr(reproduce, "ITEMS", {"fisher": replace(fisher.ITEM, budgets=budgets)})
    assert "18 parts" in cli("reproduce", "fisher", "--budget", "lab", "--out", tmp_path).out


def test_an_item_that_diverges_leaves_the_others_to_go_on(cli, small, monkeypatch, tmp_path):
    def run(setup):
        raise Diverged("the loss became nan; try a smaller --lr")

    items = dict(reproduce.ITEMS)
    items["fisher"] = replace(items["fisher"], run=run)
    monkeypatch.setattr(reproduce, "ITEMS", items)
    code, _, err = cli("reproduce", "all", "--out", tmp_path)
    assert code == 2 and "1 of 3 items are not finished: fisher, ReLU, seed 0: the loss became nan" in err
    index = (tmp_path / "index.md").read_text()
    assert "[signal]" in index and "[momentum]" in index and "fisher" not in index
    assert cli("reproduce", "fisher", "--out", tmp_path).code == 2


def test_the_list_has_a_line_an_item_with_its_minutes(ok):
    header, *lines, last = ok("reproduce", "--list").splitlines()
    assert header.split() == ["minutes", "with", "--budget", "quick", "class", "lab"] and "--list ITEM" in last
    assert len(lines) == len(ITEMS) and max(map(len, lines)) <= 125
    for line, item in zip(lines, ITEMS.values(), strict=True):
        times = [reproduce.in_minutes(item.minutes[name]) for name in ("quick", "class", "lab")]
        assert line.startswith(item.name) and line.endswith("   " + item.title)
        assert line.removeprefix(item.name).removesuffix(item.title).replace("< ", "<").split() == [
            time.replace("< ", "<") for time in times
        ]


def test_the_list_tells_all_about_one_item_or_about_all(ok, refused):
    whole = ok("reproduce", "--list", "all")
    for item in ITEMS.values():
        out = ok("reproduce", "--list", item.name)
        assert (
            out.startswith(f"{item.name}: {item.title}\n  where: {item.where}\n") and item.paper in out and out in whole
        )
    for part in (
        "where: Figure 3 left [arXiv v1: Figure 2]",
        "needs no images",
        "seeds: quick 4",
        "minutes of one core",
    ):
        assert part in whole
    refused(["reproduce", "--list", "fig9"], "ITEM|all: there is no 'fig9'", "fig3-right")


def test_the_verdict_is_a_line(cli, small, tmp_path):
    for _ in range(2):  # the second time the parts are there
        out = cli("reproduce", "momentum", "--out", tmp_path).out
        page = tmp_path / "momentum/page.md"
        assert out.startswith("momentum: the trend holds (claims that hold: 7 of 7); 5 parts, ")
        assert out.endswith(f" s; read {page}\n")
        assert out.count("\n") == 1 and "claimed" not in out
    assert "5 parts, 5 of them there already, " in out


def test_what_a_user_can_get_wrong(refused, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "full/fisher").mkdir(parents=True)
    (tmp_path / "full/fisher/mine.txt").write_text("")
    for options, out, *parts in (
        ("", "r", "name an item", "signal", "--list"),
        ("fig9", "r", "ITEM|all: there is no 'fig9'", ", all;", "did you mean fig4?"),
        ("signal --budget huge", "r", "huge", "quick"),
        ("signal --device cuda", "r", "--device cuda", "use --device cpu"),
        ("signal --seeds 0", "r", "'0' is not an integer of at least 1"),
        ("signal --data /nowhere", "r", "/nowhere", "does not exist"),
        ("momentum", "file", "file/momentum is a file or lies under one", "a new name"),
        ("all", "full", "fisher holds mine.txt", "--out"),
    ):
        refused(["reproduce", *options.split(), "--out", tmp_path / out], *parts)


@pytest.mark.parametrize(("items", "line"), [
    (0, "minidelve: interrupted; no part of table1 was finished"),
    (1, "minidelve: interrupted; one item is finished and kept, as all finished parts are: the same command goes on"),
    (3, f"minidelve: interrupted; 3 of {len(ITEMS)} items are finished and kept, as all finished parts are: the same "
     "command goes on"),
])  # fmt: skip
def test_stopped_in_an_items_first_part_it_says_that_earlier_ones_are_kept(cli, monkeypatch, tmp_path, items, line):
    done = []

    def fake(work):
        if len(done) == items:
            raise KeyboardInterrupt(f"no part of {work.item.name} was finished")
        done.append(work)
        return Result(work, Verdict(True, "yes"), 1, 0, 1.0)

    monkeypatch.setattr(reproduce, "reproduce", fake)
    code, _, err = cli("reproduce", "all", "--out", tmp_path)
    assert (code, err.splitlines()[-1]) == (130, line)


def test_the_device_is_passed_on_and_the_index_has_each_items_time(cli, monkeypatch, tmp_path):
    works = []

    def fake(work):
        works.append(work)
        return Result(work, Verdict(True, "yes"), 1, 0, 60.0 * len(works))

    monkeypatch.setattr(reproduce, "check_device", lambda device: None)
    monkeypatch.setattr(reproduce, "reproduce", fake)
    assert cli("reproduce", "all", "--device", "cuda", "--budget", "lab", "--seeds", 2, "--out", tmp_path).code == 0
    assert {(w.device, w.budget, w.seeds, w.data) for w in works} == {("cuda", "lab", 2, "toy")}
    index = (tmp_path / "index.md").read_text()
    for i, item in enumerate(ITEMS.values(), 1):
        line = next(line for line in index.splitlines() if f"[{item.name}]" in line)
        assert line.endswith(f"| {reproduce.duration(60.0 * i)} |")
