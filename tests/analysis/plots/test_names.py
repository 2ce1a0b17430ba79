"""Short names of rows: unmistakable, and no longer than it takes."""

from __future__ import annotations

from hypothesis import given, strategies as st
from rich.cells import cell_len

from analysis.plots.data import Group
from analysis.plots.names import LONGEST, full_names, short_names
from analysis.plots.points import point_tip
from analysis.tables.cost_table import Row


def a_row(recipe: str = "myrtle", machine: str = "NVIDIA A100", **about: object) -> Row:
    fields = {
        "kind": "measured",
        "recipe": recipe,
        "machine": machine,
        "target": 0.94,
        "clock": "airbench",
        "price_per_hour": None,
        "currency": None,
        "runs": 1,
        "completed": 1,
        "hits": 1,
        "accuracy": 0.94,
        "timed": 1,
        "time_s": 1.0,
        "train_cost": None,
        "dataset": "cifar10",
    }
    return Row(**(fields | about))  # type: ignore[arg-type]  # fields by name, as a test gives them


def test_on_one_machine_a_recipe_is_enough() -> None:
    assert short_names([a_row("myrtle"), a_row("hlb")]) == ["myrtle", "hlb"]


def test_machines_are_named_by_their_models_where_there_are_several() -> None:
    machines = ["NVIDIA H100 80GB HBM3", "Tesla V100-SXM2-16GB", "2 x Intel(R) Xeon(R) Processor"]
    rows = [a_row(machine=machine) for machine in machines]
    assert short_names(rows) == ["myrtle, H100", "myrtle, V100-SXM2", "myrtle, 2 x Xeon"]


def test_an_entry_is_named_by_its_author_and_several_runs_by_what_ran_too() -> None:
    entry = a_row("Page: Custom ResNet 9", kind="published")
    several = [a_row(f"Lab: {name}", kind="published", run_ids=("1", "2")) for name in ("one", "two")]
    assert short_names([entry, *several]) == ["Page", "Lab: one", "Lab: two"]
    assert point_tip(Group("Page", "Page", entry)).splitlines()[0].endswith("(published, one run)")
    assert point_tip(Group("one", "Lab: one", several[0])).splitlines()[-1] == "1 of 1 run at the target"


def test_machines_of_one_model_keep_what_tells_them_apart() -> None:
    assert short_names([a_row(machine="A100 40GB"), a_row(machine="A100 80GB")]) == [
        "myrtle, A100 40GB",
        "myrtle, A100 80GB",
    ]


def test_only_what_differs_is_added() -> None:
    rows = [a_row(precision="float16", path="eager"), a_row(precision="float16", path="compiled"), a_row("hlb")]
    assert short_names(rows) == ["myrtle, eager", "myrtle, compiled", "hlb"]
    assert short_names([a_row(target=0.94), a_row(target=0.96)]) == ["myrtle, to 94", "myrtle, to 96"]


def test_an_entry_is_its_author_s_and_what_nothing_tells_apart_is_numbered() -> None:
    entry = a_row("Ada: ResNet", "1 K80 / 30 GB / 8 CPU", kind="published")
    other = a_row("Ada: ResNet", "P100", kind="published")
    assert short_names([entry]) == ["Ada"]
    assert short_names([entry, other, other]) == ["Ada, 1 K80", "Ada, P100", "Ada, P100 (2)"]


def test_a_full_name_says_how_it_was_computed_and_what_tells_it_apart() -> None:
    rows = [
        *(a_row(precision="float16", path="eager", target=target) for target in (0.94, 0.96)),
        a_row("hlb", precision="float16", path="compiled", pricing_category="Dynamic"),
        a_row("hlb", precision="float16", path="compiled", pricing_category="Standard"),
    ]
    assert full_names(rows) == [
        "myrtle, NVIDIA A100, float16, eager, to 94",
        "myrtle, NVIDIA A100, float16, eager, to 96",
        "hlb, NVIDIA A100, float16, compiled, spot",
        "hlb, NVIDIA A100, float16, compiled",
    ]


@given(st.lists(st.tuples(st.text(max_size=50), st.sampled_from(["A100", "NVIDIA A100", "", "2 x (R)"])), max_size=9))
def test_no_two_are_the_same_and_none_is_long(rows: list[tuple[str, str]]) -> None:
    names = short_names([a_row(*row) for row in rows])
    assert len(set(names)) == len(set(full_names([a_row(*row) for row in rows]))) == len(rows)
    assert all(cell_len(name) <= LONGEST + len(" (9)") for name in names)
