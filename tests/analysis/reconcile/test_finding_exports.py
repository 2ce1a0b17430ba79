"""Where exports are found: a folder, a bucket, and what is not there."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.reconcile.exports import export_files
from analysis.reconcile.read_rows import read_rows
from bench.errors import BenchError, UsageError
from tests.support.charges import focus_row
from tests.support.moto_server import moto_server, point_clients
from tests.support.s3_stub import running

CHARGE = focus_row()
CONTENT = f"{','.join(CHARGE)}\n{','.join(CHARGE.values())}\n".encode()


def names(*exports: str) -> list[str]:
    return [file.name for file in export_files(exports)[0]]


def test_a_folder_is_all_the_exports_in_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("manifest.json", "1.csv", "data/2.csv.gz", "data/3.parquet", "data/4.jsonl.gz"):
        (tmp_path / name).touch()
    exports = [str(tmp_path / name) for name in ("1.csv", "data/2.csv.gz", "data/3.parquet", "data/4.jsonl.gz")]
    for name in exports:
        Path(name).write_bytes(CONTENT)
    assert names(str(tmp_path)) == exports
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match=r"\.csv, \.jsonl"):
        names(str(empty))


def test_json_beside_exports_is_read_if_it_is_one(tmp_path: Path) -> None:
    exports = {
        "1.json": f"{json.dumps(CHARGE)}\n",
        "2.json": json.dumps([CHARGE], indent=1),
        "3.json": json.dumps([CHARGE])[:-9],
    }
    others = {
        "Manifest.json": json.dumps(CHARGE),
        "settings.json": '{"a": 1}',
        "state.json": json.dumps({"a": {"b": 1}}, indent=1),
        "none.json": "[]",
        "empty.json": "",
    }
    for name, text in (exports | others).items():
        (tmp_path / name).write_text(text)
    assert names(str(tmp_path)) == [str(tmp_path / name) for name in exports]
    packed = tmp_path / "packed" / "000000000000.json.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(exports["1.json"].encode()))
    assert names(str(packed.parent)) == [str(packed)]


def test_links_to_files_and_folders_are_followed_once_and_a_broken_one_is_named(tmp_path: Path) -> None:
    bill, other = tmp_path / "bill", tmp_path / "other"
    for folder in (bill, other):
        folder.mkdir()
    (other / "2.csv").write_bytes(CONTENT)
    (other / "back").symlink_to(bill)
    (bill / "1.csv").write_bytes(CONTENT)
    (bill / "elsewhere").symlink_to(other)
    (bill / "itself").symlink_to(bill)
    (bill / "twice.csv").symlink_to(bill / "1.csv")
    assert names(str(bill)) == [str(bill / "1.csv"), str(bill / "elsewhere" / "2.csv")]
    (bill / "gone.csv").symlink_to(tmp_path / "nothing.csv")
    with pytest.raises(BenchError, match=r"gone\.csv: "):
        names(str(bill))


def test_a_workbook_beside_exports_is_said(tmp_path: Path) -> None:
    for name in ("1.csv", "2.tsv", "3.xlsx"):
        (tmp_path / name).write_bytes(CONTENT)
    files, notes = export_files([str(tmp_path)])
    assert [Path(file.name).name for file in files] == ["1.csv", "2.tsv"]
    assert [note.partition(" ")[0] for note in notes] == [str(tmp_path / "3.xlsx")]


AZURE = {"blobCount": 2, "blobs": [{"blobName": f"x/7f3b/part_{part}_0001.csv", "dataRowCount": 1} for part in (0, 1)]}
CUR = {"assemblyId": "7f3b", "reportKeys": [f"x/20261101-20261201/7f3b/part_{part}_0001.csv.gz" for part in (0, 1)]}
DATA = {
    "executionId": "7f3b",
    "dataFiles": [f"s3://b/x/data/BILLING_PERIOD=2026-11/part_{part}_0001.csv" for part in (0, 1)],
}


@pytest.mark.parametrize(
    ("manifest", "said", "folder"),
    [
        ("20261101-20261130/202611210512/7f3b/manifest.json", AZURE, "20261101-20261130/202611210512/7f3b"),
        ("20261101-20261201/x-Manifest.json", CUR, "20261101-20261201/7f3b"),
        ("x/metadata/BILLING_PERIOD=2026-11/x-Manifest.json", DATA, "x/data/BILLING_PERIOD=2026-11"),
    ],
    ids=["azure", "cur", "data exports"],
)
def test_a_run_of_which_a_part_did_not_arrive_is_refused(
    tmp_path: Path, manifest: str, said: dict[str, Any], folder: str
) -> None:
    for place in (manifest, f"{folder}/part_0_0001.csv"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(CONTENT)
    one, other = (str(tmp_path / folder / f"part_{part}_0001.csv") for part in (0, 1))
    (tmp_path / manifest).write_text(json.dumps(said))
    with pytest.raises(BenchError, match=f"{manifest}: .*part_1_0001"):
        names(str(tmp_path))
    assert names(one) == [one]
    Path(other).write_bytes(b"")  # still being written
    with pytest.raises(BenchError, match=f"{manifest}: .*part_1_0001"):
        names(str(tmp_path))
    Path(other).write_bytes(CONTENT)
    assert names(str(tmp_path)) == [one, other]
    Path(one).unlink()
    Path(other).unlink()
    (tmp_path / folder / "own.csv").write_bytes(CONTENT)  # the run that the manifest is of is not here at all
    assert names(str(tmp_path)) == [str(tmp_path / folder / "own.csv")]


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"blobs": 1}', '{"blobs": [1, {}]}', "\x00", "[" * 9999])
def test_a_manifest_that_names_nothing_hides_nothing(tmp_path: Path, said: str) -> None:
    (tmp_path / "manifest.json").write_text(said)
    (tmp_path / "1.csv").write_bytes(CONTENT)
    assert names(str(tmp_path)) == [str(tmp_path / "1.csv")]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of moto's server, as the code under test gets it from its environment."""
    import boto3

    with moto_server() as address:
        point_clients(monkeypatch, "AWS_ENDPOINT_URL_S3", address)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="bills")
        yield client


def test_an_export_is_read_from_s3_as_a_file_or_below_a_prefix(s3: Any) -> None:
    s3.put_object(Bucket="bills", Key="focus/1.csv.gz", Body=gzip.compress(CONTENT))
    s3.put_object(Bucket="bills", Key="focus/manifest.json", Body=b"{}")
    assert names("s3://bills/focus/") == names("s3://bills/focus/1.csv.gz") == ["s3://bills/focus/1.csv.gz"]
    (row,) = read_rows("s3://bills/focus/1.csv.gz")
    assert row.where == "s3://bills/focus/1.csv.gz:2"
    assert isinstance(row.cells, dict)
    assert row.cells["billedcost"] == "0.1921"


def test_of_the_runs_in_a_bucket_the_newest_is_read_and_the_slash_may_be_left_out(s3: Any) -> None:
    for key in ("x/20261101-20261130/202611200512/p.csv", "x/20261101-20261130/202611210512/p.csv", "x2/p.csv"):
        s3.put_object(Bucket="bills", Key=key, Body=CONTENT)
    newest = ["s3://bills/x/20261101-20261130/202611210512/p.csv"]
    assert names("s3://bills/x") == names("s3://bills/x/") == newest


@pytest.mark.parametrize("url", ["s3://nobody/1.csv", "s3://bills/none.csv", "s3:///x"])
def test_what_s3_does_not_have_ends_in_one_line(s3: Any, url: str) -> None:
    with pytest.raises(BenchError, match=url):
        names(url)
    with pytest.raises(BenchError, match=url):
        list(read_rows(url))


def test_a_bucket_that_is_not_there_is_said_of_the_export_and_of_no_store(s3: Any) -> None:
    for url in ("s3://nobody", "s3://nobody/focus/", "s3://nobody/1.csv"):
        with pytest.raises(BenchError) as error:
            names(url)
        assert str(error.value) == f"{url}: there is no such bucket; make it, or name another one (NoSuchBucket)"


def test_a_listing_of_exports_is_believed_only_if_it_says_that_it_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as stub:
        for name, value in stub.settings.items():
            monkeypatch.setenv(name, value)
        stub.objects.update({"focus/1.csv": CONTENT, "focus/2.csv": CONTENT.replace(b"i-0abc", b"i-1abc")})
        stub.page = 1
        assert names("s3://bills/focus/") == ["s3://bills/focus/1.csv", "s3://bills/focus/2.csv"]
        stub.on_list = lambda xml: re.sub("<NextC.*NextC.*?>", "", xml)
        with pytest.raises(BenchError, match=r"s3://bills/focus/: .*truncated"):
            names("s3://bills/focus/")
        stub.on_list = lambda xml: re.sub("<IsT.*IsT.*?>", "", xml)
        with pytest.raises(BenchError, match=r"s3://bills/focus/: .*IsTruncated"):
            names("s3://bills/focus/")
