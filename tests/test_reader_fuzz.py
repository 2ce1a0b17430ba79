"""Whatever a reader is given, it reads it or names what is wrong in one error: no traceback, no hang.

BENCH_FUZZ is how many inputs each reader gets, 30 if unset. Bills have tests of their own.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings

from analysis.published.dawnbench.entries import read_entries
from analysis.published.mlperf.results import read_results
from analysis.published.trials.importer import Given, read_trials
from bench.billing.offers.query import exactly, matches
from bench.billing.prices import find_offer, given_price
from bench.errors import BenchError
from bench.record.documents import AnyDocument, MetricTarget, content_of, from_bytes, to_bytes
from bench.sealed import CHECKSUM_FIELD, seal
from bench.store import FolderStore, compact as layer, read_log
from bench.store.log import to_line
from bench.store.s3 import S3Store
from bench.sweep.spec import Cell, load
from bench.sweep.task_file import task_of
from tests.support import checkouts, published_trees, s3_stub
from tests.support.mutants import contents, texts
from tests.support.s3_stub import Answer, S3Stub
from tests.support.small_store import a_lease, a_run

fuzzed = settings(
    max_examples=int(os.environ.get("BENCH_FUZZ", "30")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
DOCUMENTS: list[AnyDocument] = [a_run(1), a_lease(2)]
SWEEP: dict[str, Any] = {
    "name": "the-claim",
    "recipes": ["myrtle", "quick"],
    "runs": 5,
    "machines": ["m.yaml", "A100:1"],
    "clouds": ["aws", "lambda/us-east-1"],
    "pricing": ["on-demand", "spot"],
    "max_cost": 20.0,
    "max_duration": "2h",
    "attempts": 3,
    "parallel": 2,
    "envs": {"BENCH_GPUS": "1"},
}
TASKS: list[dict[str, Any]] = [
    {"resources": {"accelerators": "V100:8", "infra": "aws/us-east-1", "autostop": 5, "disk_size": 100}},
    {"resources": {"any_of": [{"infra": "aws", "gpus": "V100"}, {"cloud": "gcp", "region": "us-central1"}]}},
    {"resources": {"ordered": [{"gpus": {"A100": 1}}], "max_hourly_cost": 4.5, "autostop": {"idle_minutes": 5}}},
    {"envs": {"BENCH_GPUS": 2}, "resources": {"accelerators": {"A100": 8, "V100": 4}}, "num_nodes": 1, "run": "x"},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, in which a sweep finds its task file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sky").mkdir()
    for name in ("m.yaml", "sky/gpu.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump(TASKS[0]))
    return tmp_path


def read(work: Callable[[], object]) -> None:
    """`work` ends, or raises one error that says what is wrong, on one line."""
    said = None
    try:
        work()
    except BenchError as error:
        said = str(error)
    assert said is None or len(said.splitlines()) == 1, said


@given(texts([to_bytes(document) for document in DOCUMENTS]))
@fuzzed
def test_a_record(data: bytes) -> None:
    read(lambda: from_bytes(data, "a record"))


@given(contents([content_of(document) for document in DOCUMENTS]))
@fuzzed
def test_a_record_whose_checksum_is_right(content: dict[str, Any]) -> None:
    content.pop(CHECKSUM_FIELD, None)
    with suppress(ValueError):  # what no JSON can hold
        read(lambda: from_bytes(seal(content), "a record"))


@given(texts([f"step 1\n{to_line(document)}\nstep 2\n".encode() for document in DOCUMENTS]))
@fuzzed
def test_a_job_s_log(data: bytes) -> None:
    read(lambda: list(read_log([data[:50], data[50:]])))


@given(texts([yaml.safe_dump(SWEEP, sort_keys=False).encode()]))
@fuzzed
def test_a_sweep(folder: Path, data: bytes) -> None:
    (folder / "s.yaml").write_bytes(data)
    read(lambda: load("s.yaml"))


@given(contents([SWEEP]))
@fuzzed
def test_a_sweep_with_odd_values(folder: Path, content: dict[str, Any]) -> None:
    (folder / "s.yaml").write_text(yaml.safe_dump(content, sort_keys=False), errors="surrogatepass")
    read(lambda: load("s.yaml"))


@given(texts([yaml.safe_dump(task, sort_keys=False).encode() for task in TASKS]))
@fuzzed
def test_a_task_file(folder: Path, data: bytes) -> None:
    (folder / "m.yaml").write_bytes(data)
    read(lambda: task_of(Cell("s", "m.yaml"), {}, ("quick",)))


@given(contents(TASKS))
@fuzzed
def test_a_task_file_with_odd_values(folder: Path, content: dict[str, Any]) -> None:
    (folder / "m.yaml").write_text(yaml.safe_dump(content, sort_keys=False), errors="surrogatepass")
    read(lambda: task_of(Cell("s", "m.yaml", "aws/us-east-1"), {}, ("quick",)))
    shutil.copy(folder / "m.yaml", folder / "sky" / "gpu.yaml")
    read(lambda: task_of(Cell("s", "H100:2"), {}, ("myrtle",)))


@given(texts([json.dumps(checkouts.a_header()).encode()]), texts([checkouts.LOG.encode()]))
@fuzzed
def test_a_published_entry(folder: Path, header: bytes, log: bytes) -> None:
    checkouts.an_entry(folder, log=log)
    read(lambda: read_entries(folder))
    (folder / checkouts.FOLDER / "one.json").write_bytes(header)
    read(lambda: read_entries(folder))


@given(contents([checkouts.a_header(misc={"a": 1})]))
@fuzzed
def test_a_published_entry_with_odd_values(folder: Path, header: dict[str, Any]) -> None:
    checkouts.an_entry(folder)
    (folder / checkouts.FOLDER / "one.json").write_text(json.dumps(header))
    read(lambda: read_entries(folder))


@given(texts(["\n".join(published_trees.result(60, 0.93, 0.92)).encode()]), contents([published_trees.SYSTEM]))
@fuzzed
def test_a_result_of_mlperf(folder: Path, log: bytes, system: dict[str, Any]) -> None:
    logs = published_trees.mlperf_tree(folder / "acme", [], system=system)
    (logs / "result_0.txt").write_bytes(log)
    read(lambda: read_results(folder))


@given(contents([published_trees.trial(3, 2.5, 0.941)]))
@fuzzed
def test_a_trial_with_odd_values(folder: Path, content: dict[str, Any]) -> None:
    path = folder / "trials.jsonl"
    path.write_text(json.dumps(content))
    target = MetricTarget(metric="accuracy", at_least=0.94, at_most=None)
    given = Given(target=target, counts="train", hardware="GPU-X")
    read(lambda: read_trials(path, published_trees.MAP, given))


@given(texts([b"3.06", b"aws:p3.2xlarge", b"NVIDIA H100 80GB HBM3", b"RTX-PRO-6000"]))
@fuzzed
def test_a_price_and_the_name_of_a_gpu(data: bytes) -> None:
    text = data.decode(errors="replace")
    read(lambda: given_price(text))
    read(lambda: find_offer(text))
    exactly(text)
    matches(text, "H100-80GB")


@given(texts([b"part"]))
@example(b"2b\xc1#\xc3\xa9art")  # in the name of a column
@fuzzed
def test_a_part_of_the_compact_layer(folder: Path, data: bytes) -> None:
    store = FolderStore(folder / "store")
    part = folder / "store" / layer.FOLDER / "recipe=r" / "month=2026-11" / "a.parquet"
    part.parent.mkdir(parents=True, exist_ok=True)
    (folder / "store" / "v1" / "runs").mkdir(exist_ok=True)
    buffer = io.BytesIO()
    pq.write_table(layer.SCHEMA.empty_table(), buffer)
    whole = buffer.getvalue()
    place = (sum(data) * 31 + len(data) * 997) % len(whole)
    part.write_bytes(whole[:place] + data + whole[place + len(data) :])
    read(lambda: layer.read_runs(store))


LISTING = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><Contents><Key>p/v1/a.json</Key><Size>1</Size></Contents>"
    b"<CommonPrefixes><Prefix>p/v1/runs/</Prefix></CommonPrefixes></ListBucketResult>"
)


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[S3Stub, S3Store]]:
    """A server for listings, and a store there: its client takes longer to make than a hundred listings."""
    with s3_stub.running() as server, pytest.MonkeyPatch.context() as changed:
        for name, value in server.settings.items():
            changed.setenv(name, value)
        store = S3Store("s3://bucket/p")
        assert store.objects("v1/") == []
        yield server, store


@given(texts([LISTING, LISTING.replace(b"false", b"true").replace(b"<Key>", b"<NextContinuationToken/><Key>")]))
@fuzzed
def test_a_listing_of_s3(s3: tuple[S3Stub, S3Store], data: bytes) -> None:
    server, store = s3
    server.on_list = lambda xml: Answer(200, data)
    read(lambda: store.objects("v1/"))
