"""Every command that takes a store takes an S3 prefix, and no secret gets into anything that is written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench.store import open_store, read_all
from bench.store.spool import SpooledWriter, spools
from tests.support import seaweedfs
from tests.support.builders import make_run, two_recipes
from tests.support.command import run_bench
from tests.support.types import Bench

TOKEN = "planted-session-token"
PASSWORD = "planted-password"
SECRETS = (seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY, TOKEN, PASSWORD)


@pytest.fixture
def bench(s3: Any, tmp_path: Path, spool: Path) -> Bench:
    """Call `bench` in an empty folder."""
    (tmp_path / "work").mkdir()
    return lambda *words: run_bench(*words, cwd=tmp_path / "work", env=os.environ)


@pytest.fixture
def url(bucket: str) -> str:
    """A store with a lease and seven runs of one recipe, six of another."""
    store = open_store(f"{bucket}/records")
    for document in two_recipes(7, "other"):
        store.put(document)
    return store.name


@pytest.mark.slow
def test_a_report_and_an_export_of_an_s3_store_are_those_of_a_folder_with_the_same_records(
    bench: Bench, url: str, tmp_path: Path
) -> None:
    folder = open_store(tmp_path / "folder")
    documents, errors = read_all(open_store(url))
    assert errors == []
    for document in documents:
        folder.put(document)
    for words in (["report", "--format", "json"], ["export", "csv"], ["claims", "--format", "json"]):
        done, expected = (bench(*words, "--store", store) for store in (url, folder.locator))
        assert done.returncode == expected.returncode == 0, done.stderr
        assert done.stdout == expected.stdout
        assert done.stdout
    done = bench("compare", "myrtle", "other", "--store", url)
    assert done.returncode == 0, done.stderr
    assert "myrtle" in done.stdout


def test_verify_reads_every_record_and_names_one_that_was_altered(bench: Bench, url: str, s3: Any) -> None:
    done = bench("store", "verify", "--store", url)
    assert (done.returncode, done.stdout) == (0, f"{url}: 14 records checked, all intact\n")
    key = next(open_store(url).keys("v1/runs/"))
    bucket = url.split("/")[2]
    body = s3.get_object(Bucket=bucket, Key=f"records/{key}")["Body"].read()
    s3.put_object(Bucket=bucket, Key=f"records/{key}", Body=body.replace(b'"loss":', b'"lost":'))
    done = bench("store", "verify", "--store", url)
    assert done.returncode == 5
    assert done.stdout == f"{url}: 14 records checked, 13 intact, 1 not\n"
    assert key in done.stderr


def test_published_entries_go_into_an_s3_store_twice_the_same(bench: Bench, bucket: str, tmp_path: Path) -> None:
    entry = {
        "version": "v1.0",
        "author": "A",
        "authorEmail": "a@example.org",
        "framework": "f",
        "codeURL": "https://x.org",
        "model": "m",
        "hardware": "1 V100",
        "costPerHour": 3.06,
        "timestamp": "2018-04-20",
        "misc": {},
    }
    folder = tmp_path / "entries" / "CIFAR10" / "train"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps(entry))
    (folder / "a.tsv").write_text("epoch\thours\ttop1Accuracy\n1\t0.01\t50\n2\t0.02\t94.1\n")
    for _ in range(2):
        done = bench("import", "dawnbench", str(tmp_path / "entries"), "--store", f"{bucket}/published")
        assert (done.returncode, done.stdout) == (0, f"1 of 1 entries are in {bucket}/published\n"), done.stderr


def test_drain_puts_what_waits_for_each_store_where_it_was_meant_to_go(
    bench: Bench, bucket: str, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, elsewhere = [make_run() for _ in range(3)], tmp_path / "folder"
    with monkeypatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
        away.setenv("AWS_MAX_ATTEMPTS", "1")
        for run in runs[:2]:
            SpooledWriter(open_store(bucket)).put(run)
        elsewhere.write_text("in the way")
        SpooledWriter(open_store(elsewhere)).put(runs[2])
        elsewhere.unlink()
        done = bench("store", "drain", "--store", bucket)
        assert (done.returncode, done.stdout) == (1, f"{bucket}: 0 records stored, 2 left\n")
        assert done.stderr == (
            f"bench: store {bucket}: 127.0.0.1:9 cannot be reached; check the network and AWS_ENDPOINT_URL_S3\n"
        )
    done = bench("store", "drain")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(
        [f"{elsewhere}: 1 record stored, 0 left", f"{bucket}: 2 records stored, 0 left"]
    )
    assert set(open_store(bucket).keys()) == {run.key() for run in runs[:2]}
    assert list(open_store(elsewhere).keys()) == [runs[2].key()]
    assert bench("store", "drain").stdout == f"no record waits in {spool}\n"
    assert spools() == []


@pytest.mark.slow
def test_no_secret_is_in_anything_that_is_written(
    bench: Bench, url: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What boto3 knows: two keys, a session token, a password in an endpoint. Greps output, report, records, spool."""
    said = [bench("report", "--store", url, "--format", "html", "-o", "report.html")]
    said += [bench("report", "--store", url), bench("export", "csv", "--store", url), bench("store", "verify")]
    for settings in (
        {"AWS_SESSION_TOKEN": TOKEN},
        {"AWS_ENDPOINT_URL_S3": f"http://{seaweedfs.ACCESS_KEY}:{PASSWORD}@127.0.0.1:9"},
        {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"},
    ):
        with monkeypatch.context() as wrong:
            for name, value in settings.items():
                wrong.setenv(name, value)
            SpooledWriter(open_store(url)).put(make_run())
            said += [bench(*words, "--store", url) for words in (["report"], ["store", "verify"], ["store", "drain"])]
            assert {done.returncode for done in said[-3:]} == {1}
    said.append(bench("report", "--store", f"s3://{seaweedfs.ACCESS_KEY}:{PASSWORD}@bucket/x"))
    assert said[-1].returncode == 1

    written = "".join(done.stdout + done.stderr for done in said)
    assert "Traceback" not in written
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"report.html", "store"}
    store = open_store(url)
    records = [store.read_bytes(key).decode() for key in list(store.keys())]
    texts = [written, *(path.read_text() for path in files), *records]
    assert not [secret for secret in SECRETS if any(secret in text for text in texts)]
