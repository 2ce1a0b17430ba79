"""Lines of output, freed of what is none of the program's, and chosen where there are very many."""

import pytest

from bench.programs.reading.output import BURST, LONGEST, RATE, Chooser, Ranks, without_ansi


@pytest.mark.parametrize(
    ("line", "rank", "text"),
    [
        ("12: loss: 3", None, "12: loss: 3"),
        ("[12]: loss: 3", None, "[12]: loss: 3"),
        ("[rank3]: loss", 3, "loss"),
        ("[Rank 3] loss", 3, "loss"),
        ("[default7]:loss", 7, "loss"),
        ("[trainer0]:loss", 0, "loss"),
        ("[1,5]<stderr>: loss", 5, "loss"),
        ("rank 2: loss", 2, "loss"),
        ("[rank: 0] loss", 0, "loss"),
        ("(RayTrainWorker pid=1234, ip=10.0.0.1) loss", None, "loss"),
        ("(train_fn pid=12) loss", None, "loss"),
        ("(0.5) loss", None, "(0.5) loss"),
        ("[12/400] loss", None, "[12/400] loss"),
        ("[12:30:01] loss", None, "[12:30:01] loss"),
        ("12:30:01 loss", None, "12:30:01 loss"),
        ("12/400 [00:03<01:30]", None, "12/400 [00:03<01:30]"),
        ("loss: 3", None, "loss: 3"),
        ("", None, ""),
    ],
)
def test_what_stands_before_a_line(line: str, rank: int | None, text: str) -> None:
    assert Ranks().split(line) == (rank, text)


def test_bare_numbers_are_of_ranks_once_they_have_fallen() -> None:
    ranks = Ranks()
    lines = ["0: a", "0: b", "2: c", "1: d", "3: e", "[3]: f"]
    assert [ranks.split(line) for line in lines] == [
        (None, "0: a"),
        (None, "0: b"),
        (None, "2: c"),
        (1, "d"),
        (3, "e"),
        (3, "f"),
    ]


def test_numbers_of_epochs_are_no_ranks() -> None:
    ranks = Ranks()
    lines = [f"{epoch}: {part} loss" for epoch in range(5) for part in ("train", "val")]
    assert [ranks.split(line) for line in lines] == [(None, line) for line in lines]


@pytest.mark.parametrize(
    "line",
    [
        "\x1b[1;31mloss\x1b[0m",
        "\x1b[2K\x1b[Aloss",
        "\x1b]8;;http://x\x07loss\x1b]8;;\x1b\\",
        "\x1b[?25lloss\x1bM",
        "\b\b\bloss\b\b",
    ],
)
def test_what_a_terminal_shows(line: str) -> None:
    assert without_ansi(line) == "loss"


def text_of(*lines: str) -> str:
    """The lines as a stream gives them."""
    return "".join(f"{line}\n" for line in lines)


def test_few_lines_are_all_read() -> None:
    chooser, lines = Chooser(), [str(number) for number in range(BURST)]
    assert list(chooser.choose(text_of(*lines), 1.0)) == lines
    assert list(chooser.last()) == []


def test_of_many_lines_the_newest_and_what_is_wanted_are_read() -> None:
    chooser = Chooser(["val_loss", "eval/acc"])
    wanted = ["val_loss=1", "val loss: 1", '{"eval": {"acc": 1}}', ":::MLLOG {}", '{"phase": "train"}']
    chosen = chooser.choose(text_of(*wanted, *map(str, range(2 * BURST))), 0.0)
    assert list(chosen) == [*wanted, *map(str, range(BURST, 2 * BURST))]
    assert list(chooser.choose(text_of("a", "val_loss=2", "b"), 0.0)) == ["val_loss=2"]
    assert list(chooser.last()) == ["b"]
    assert list(chooser.last()) == []


def test_what_an_expression_of_the_users_matches_is_read() -> None:
    chooser = Chooser(patterns=[r"^loss became (\S+)$"])
    text = text_of("loss became 3", "the loss became 3", *map(str, range(2 * BURST)))
    assert list(chooser.choose(text, 0.0))[:2] == ["loss became 3", str(BURST)]


def test_empty_lines_are_none_and_long_ones_are_cut() -> None:
    chooser = Chooser(["loss"])
    text = text_of("loss" * LONGEST, "", *map(str, range(BURST - 1)), "", "x" * 2 * LONGEST)
    chosen = list(chooser.choose(text, 0.0))
    assert chosen == [("loss" * LONGEST)[:LONGEST], *map(str, range(1, BURST - 1)), "x" * LONGEST]


def test_room_comes_back_with_time() -> None:
    chooser, text = Chooser(), text_of(*map(str, range(10_000)))
    chooser.choose(text, 0.0)
    assert len(chooser.choose(text, 1.0)) == RATE
    assert len(chooser.choose(text, 1000.0)) == BURST


def test_a_worker_of_ray_that_is_started_again_is_read_on() -> None:
    ranks = Ranks()
    lines = ["(RayTrainWorker pid=100) step 1", "(RayTrainWorker pid=200) step 2", "(RayTrainWorker pid=100) step 3"]
    assert [ranks.split(line) for line in lines] == [(None, "step 1"), (None, "step 2"), (None, "step 3")]


@pytest.mark.parametrize(
    "prefix",
    [
        "[rank{}]: ",
        "[rank: {}] ",
        "[GPU{}] ",
        "[GPU 1{}]: ",
        "Rank {} | ",
        "rank={} ",
        "cuda:{} ",
        "node0{}: ",
        "worker-{}: ",
        "[1,{}]<stdout>:",
        "Thu Nov 26 10:00:00 2026[{}]<stderr>:",
    ],
)
def test_ranks_are_told_by_what_stands_before_a_line(prefix: str) -> None:
    ranks = Ranks()
    said = [ranks.split(f"{prefix.format(rank)}step 5 loss 1.5") for rank in (0, 3)]
    numbers = [rank for rank, _ in said]
    assert None not in numbers
    assert (len(set(numbers)), {text for _, text in said}) == (2, {"step 5 loss 1.5"})


@pytest.mark.parametrize("line", ["gpu_mem 5", "worker: 5", "host5.example.org says", "[100] loss=0.5", "node5a: x"])
def test_what_is_no_rank(line: str) -> None:
    assert Ranks().split(line) == (None, line)
