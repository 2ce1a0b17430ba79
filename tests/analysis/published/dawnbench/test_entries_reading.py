"""Reading DAWNBench's entries, with what is odd about the real ones."""

from __future__ import annotations

import math
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from analysis.published.dawnbench.entries import published_documents, read_entries, read_entry
from bench.errors import RecordError, UsageError
from bench.store import open_store
from tests.support.checkouts import FOLDER, LOG, an_entry


def test_an_entry_is_read_whole(tmp_path: Path) -> None:
    entry = read_entry(an_entry(tmp_path))
    assert (entry.author, entry.model, entry.framework) == ("An Author", "A Model", "pytorch 0.4.0")
    assert (entry.hardware, entry.code_url) == ("V100 (AWS p3.2xlarge)", "https://example.org/code")
    assert entry.source_file == f"{FOLDER}/one.json"
    assert str(entry.submitted) == "2018-11-06"
    assert (entry.time_to_target_s, entry.epoch_at_target) == (72.0, 2)
    assert (entry.accuracy_at_target, entry.best_accuracy) == (0.9408, 0.9434)
    assert (entry.cost_per_hour, entry.cost) == (Decimal("3.06"), Decimal("0.0612"))
    assert [(point.epoch, point.seconds) for point in entry.curve] == [(1, 36.0), (2, 72.0), (3, 108.0)]


def test_no_address_goes_into_the_record(tmp_path: Path) -> None:
    assert "example.org/code" in (text := read_entry(an_entry(tmp_path)).model_dump_json())
    assert "author@" not in text


@pytest.mark.parametrize(
    "log",
    [
        b"\xef\xbb\xbf" + LOG.encode(),
        LOG.replace("\n", "\r\n"),
        LOG.replace("\n", "\r"),
        LOG.rstrip(),
        LOG + "\n\n",
        LOG.replace("hours", "hours "),
        "hours\ttop1Accuracy\tepoch\n0.01\t50.0\t1\n0.02\t94.08\t2\n0.03\t94.34\t3\n",
        LOG.replace("epoch\thours", "hours\tepoch"),
    ],
    ids=["byte order mark", "CRLF", "CR", "no last newline", "blank lines", "space", "order", "swapped names"],
)
def test_a_log_is_read_however_it_was_written(tmp_path: Path, log: str | bytes) -> None:
    assert read_entry(an_entry(tmp_path, log=log)).curve == read_entry(an_entry(tmp_path, "two")).curve


@pytest.mark.parametrize(("first", "at"), [(0, 1), (1, 2), (1.00096, 2.00096)])
def test_epochs_stay_as_they_were_counted(tmp_path: Path, first: float, at: float) -> None:
    log = f"epoch\thours\ttop1Accuracy\n{first}\t0.01\t50\n{first + 1}\t0.02\t94\n"
    assert read_entry(an_entry(tmp_path, log=log)).epoch_at_target == pytest.approx(at)


@pytest.mark.parametrize("price", [None, "NA", ""])
def test_an_entry_without_a_price_has_an_unknown_cost(tmp_path: Path, price: str | None) -> None:
    entry = read_entry(an_entry(tmp_path, costPerHour=price))
    assert (entry.cost_per_hour, entry.cost) == (None, None)


def test_hardware_is_free_text(tmp_path: Path) -> None:
    text = 'Baidu <b>Cloud</b> 8*V100\u200b/448 GB, "=1+1"'
    assert read_entry(an_entry(tmp_path, hardware=text)).hardware == text


def test_an_entry_that_never_reached_the_target_is_a_record_without_a_time(tmp_path: Path) -> None:
    entry = read_entry(an_entry(tmp_path, log="epoch\thours\ttop1Accuracy\n1\t0.01\t93.99\n"))
    assert (entry.time_to_target_s, entry.cost, entry.best_accuracy) == (None, None, 0.9399)


def test_the_first_line_at_the_target_counts_and_not_the_best(tmp_path: Path) -> None:
    log = "epoch\thours\ttop1Accuracy\n1\t0.01\t94.0\n2\t0.02\t93.0\n3\t0.03\t95.0\n"
    assert read_entry(an_entry(tmp_path, log=log)).time_to_target_s == 36.0


def test_the_real_figures_of_fast_ai_agree_with_the_table(tmp_path: Path) -> None:
    """Two lines of CIFAR10/train/fastai_pytorch.tsv, as published."""
    log = "epoch\thours\ttop1Accuracy\n34\t0.04704858611111111\t93.51\n35\t0.04832193277777778\t94.03\n"
    entry = read_entry(an_entry(tmp_path, "fastai_pytorch", log=log, costPerHour=24.48, timestamp="2018-04-18"))
    (known,) = (e for e in published_documents() if e.source_file == entry.source_file)
    assert known.id == entry.id
    assert entry.time_to_target_s == pytest.approx(known.time_to_target_s, abs=0.0005)
    assert entry.cost == pytest.approx(known.cost, abs=Decimal("0.00005"))
    assert entry.epoch_at_target == known.epoch_at_target


MALFORMED = [
    ({"log": None}, "one.tsv cannot be read"),
    ({"log": ""}, "the TSV has no rows"),
    ({"log": "epoch\thours\ttop1Accuracy\n"}, "the TSV has no rows"),
    ({"log": "epoch\thours\n1\t2\n"}, "no column top1Accuracy"),
    ({"log": LOG.replace("0.02", "soon")}, "line 3 of the TSV is not three numbers"),
    ({"log": LOG.replace("\t94.08", "")}, "line 3 of the TSV is not three numbers"),
    ({"log": LOG.replace("0.02", "nan")}, "line 3 of the TSV has an impossible number"),
    ({"log": LOG.replace("94.08", "941")}, "line 3 of the TSV has an impossible number"),
    ({"log": LOG.replace("0.02", "1e308")}, "finite"),
    ({"log": LOG.replace("0.02", "0.2")}, "back in time"),
    ({"log": "epoch\thours\ttop1Accuracy\n1\t1\t0.94\n"}, "in percent"),
    ({"log": b"\xff\xfe"}, "decode"),
    ({"author": None}, "author is missing"),
    ({"model": 7}, "model is missing or not text"),
    ({"hardware": " "}, "hardware is missing"),
    ({"timestamp": "November"}, "November"),
    ({"timestamp": "1969-01-01"}, "1970"),
    ({"costPerHour": "cheap"}, "costPerHour is not a price"),
    ({"costPerHour": -1}, "costPerHour is not a price"),
    ({"costPerHour": float("nan")}, "costPerHour is not a price"),
    ({"costPerHour": [3]}, "costPerHour is not a price"),
]


@pytest.mark.parametrize(("changes", "said"), MALFORMED, ids=[f"{n}: {said}" for n, (_, said) in enumerate(MALFORMED)])
def test_a_malformed_entry_is_named_with_what_is_wrong_and_the_others_are_read(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    an_entry(tmp_path, "good")
    an_entry(tmp_path, "one", **changes)
    entries, (error,) = read_entries(tmp_path)
    assert [entry.source_file for entry in entries] == [f"{FOLDER}/good.json"]
    assert str(error).startswith(f"{FOLDER}/one.json: ")
    assert said in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("header", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_header_that_is_no_json_object_is_named(tmp_path: Path, header: bytes) -> None:
    path = an_entry(tmp_path)
    path.write_bytes(header)
    with pytest.raises(RecordError, match=rf"^{FOLDER}/one\.json: "):
        read_entry(path)


@settings(deadline=None, max_examples=50)
@given(header=st.binary(max_size=200), log=st.binary(max_size=200))
def test_any_bytes_are_an_entry_or_an_error_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, header: bytes, log: bytes
) -> None:
    path = an_entry(tmp_path_factory.mktemp("checkout"), log=log)
    assert all(str(error).isprintable() for error in read_entries(path.parents[2])[1])
    path.write_bytes(header)
    ((), (error,)) = read_entries(path.parents[2])
    assert str(error).isprintable()


def test_logs_without_a_header_are_ignored(tmp_path: Path) -> None:
    an_entry(tmp_path)
    (tmp_path / FOLDER / "one_log.tsv").write_text(LOG)
    (tmp_path / FOLDER / "notes.txt").write_text("")
    entries, errors = read_entries(tmp_path)
    assert (len(entries), errors) == (1, [])


def test_a_folder_that_is_no_checkout_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"github\.com/stanford"):
        read_entries(tmp_path)
    (tmp_path / FOLDER).mkdir(parents=True)
    with pytest.raises(UsageError, match=r"github\.com/stanford"):
        read_entries(tmp_path)


def test_thirty_one_long_entries_are_imported_in_about_a_second(tmp_path: Path) -> None:
    rows = "".join(f"{epoch}\t{epoch / 100}\t{min(94.5, epoch):.2f}\n" for epoch in range(1, 401))
    for number in range(31):
        an_entry(tmp_path, f"entry{number}", log=f"epoch\thours\ttop1Accuracy\n{rows}")
    store = open_store(tmp_path / "store")
    begun = time.process_time()
    entries, errors = read_entries(tmp_path)
    for entry in entries:
        store.put(entry)
    assert time.process_time() - begun < 2  # of the processor: the machine may be busy with other work
    assert (len(entries), errors) == (31, [])


def test_an_imported_entry_takes_the_place_of_the_file_s(tmp_path: Path) -> None:
    imported = read_entry(an_entry(tmp_path, "basenet"))
    new = read_entry(an_entry(tmp_path, "new"))
    documents = published_documents([imported, new])
    assert len(documents) == 32
    assert imported in documents
    times = [entry.time_to_target_s or math.inf for entry in documents]
    assert times == sorted(times)
