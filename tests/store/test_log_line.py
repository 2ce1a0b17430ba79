"""Lines of a log whose heads are damaged, and what other programs print between their pieces."""

from __future__ import annotations

import json
import re

import pytest

from bench.record.documents import to_bytes
from bench.store import log_line
from bench.store.log import to_line
from tests.support.builders import make_run
from tests.support.logs import read

RUNS = [make_run(seed=seed) for seed in range(2)]
HEAD = len(to_line(RUNS[0]).rpartition(",")[0]) + 1


@pytest.mark.parametrize("at", [*range(14, HEAD, 7), HEAD - 1])
def test_a_changed_letter_of_a_head_costs_nothing(at: int) -> None:
    """A record says its own key, and where it ends."""
    line = to_line(RUNS[0])
    records, damaged = read(f"(task) {line[:at]};{line[at + 1 :]}\n{to_line(RUNS[1])}\n")
    assert (records, damaged) == ([to_bytes(RUNS[0]), to_bytes(RUNS[1])], [])


@pytest.mark.parametrize("at", range(14, HEAD, 7))
@pytest.mark.parametrize("other", ["W1126 20:16 nccl: x\n", "\nepoch 1, loss 2\n", "\ndone\n", "\n  "])
def test_what_stands_in_the_midst_of_a_head_costs_nothing(at: int, other: str) -> None:
    line = to_line(RUNS[0])
    assert read(f"{line[:at]}{other}{line[at:]}\n{to_line(RUNS[1])}\n") == ([to_bytes(RUNS[0]), to_bytes(RUNS[1])], [])


@pytest.mark.parametrize("width", [8, 12])
def test_a_head_that_is_wrapped_into_many_lines_comes_back(width: int) -> None:
    line = to_line(RUNS[0])
    cut = [line[:HEAD][at : at + width] for at in range(0, HEAD, width)]
    assert read("\n".join([*cut[:-1], cut[-1] + line[HEAD:]])) == ([to_bytes(RUNS[0])], [])


def test_a_log_that_begins_within_a_head_is_read() -> None:
    assert read(to_line(RUNS[0])[40:]) == ([to_bytes(RUNS[0])], [])


@pytest.mark.parametrize("kept", range(15, HEAD, 9))
@pytest.mark.parametrize("following", ["", "\n", "\nepoch 1, loss 2\n" * 20])
def test_a_head_that_breaks_off_is_damaged_and_named_by_its_line(kept: int, following: str) -> None:
    records, (damaged,) = read(f"first\n{to_line(RUNS[0])[:kept]}{following}")
    assert (records, damaged.line) == ([], 2)
    assert RUNS[0].key().startswith(damaged.key)


def test_wrapped_lines_may_be_indented_and_slashes_escaped() -> None:
    line = to_line(RUNS[0])
    hanging = "\n  ".join(line[at : at + 80] for at in range(0, len(line), 80))
    escaped = json.dumps({"log": f"{line}\n"}).replace("/", "\\/")
    assert read(f"{hanging}\n") == read(f"{escaped}\n") == ([to_bytes(RUNS[0])], [])


@pytest.mark.parametrize("prefix", ["", "(task, pid=12) ", "2026-11-25T10:11:12.123Z "])
@pytest.mark.parametrize("words", [["done"], ["done", "epoch"], ["a", "bc", "0123456789"], ["done"] * 20])
def test_lines_of_one_word_between_wrapped_lines_cost_nothing(prefix: str, words: list[str]) -> None:
    line = to_line(RUNS[0])
    parts = [line[at : at + 400] for at in range(0, len(line), 400)]
    between = [part for pair in zip(parts, [*words, *[None] * len(parts)], strict=False) for part in pair if part]
    assert read("".join(f"{prefix}{part}\n" for part in between)) == ([to_bytes(RUNS[0])], [])


@pytest.mark.parametrize("clock", ["", "2026-11-25T10:11:{:02}.5Z "])
@pytest.mark.parametrize("ranks", [2, 3, 8])
def test_wrapped_lines_of_several_ranks_are_told_apart(ranks: int, clock: str) -> None:
    made = [make_run(seed=seed) for seed in range(ranks)]
    lines = [to_line(run) for run in made]
    log = "".join(
        f"{clock.format(at // 80)}(worker{rank}, rank={rank}, pid={rank}07) {line[at : at + 80]}\n"
        for at in range(0, max(map(len, lines)), 80)
        for rank, line in enumerate(lines)
        if at < len(line)
    )
    records, damaged = read(log)
    assert (sorted(records), damaged) == (sorted(map(to_bytes, made)), [])


@pytest.mark.slow
def test_a_length_that_is_too_long_keeps_no_reader_from_the_record() -> None:
    line = re.sub(r",\d+,", ",3900000,", to_line(RUNS[0]), count=1)
    words = "".join(f"{number}\n" for number in range(100_000))
    assert read(f"{line}\n{words}") == ([to_bytes(RUNS[0])], [])


@pytest.mark.parametrize("prose", ["each line begins with bench-record:", "0123456789abcdef,", "a,eN", "x,eNdothedots"])
def test_words_that_look_like_the_beginning_of_a_record_are_none(prose: str) -> None:
    assert read(f"{prose}\nepoch 1\n{prose} and more\n") == ([], [])


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_record_that_is_whole_is_not_put_together_in_other_ways(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(log_line, "_without")
    line = to_line(RUNS[0])
    assert read("\n".join(re.findall(f".{{1,{width}}}", line))) == ([to_bytes(RUNS[0])], [])
