"""S3-likes that answer as S3 does not: no fewer records, no 412 believed unseen, one line with what to do."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.record.documents import to_bytes
from bench.store import open_store, read_all
from bench.store.spool import Spool, SpooledWriter
from tests.support.builders import make_run
from tests.support.checkouts import an_entry
from tests.support.command import run_bench
from tests.support.s3_stub import Answer, S3Stub, refusal

URL = "s3://bucket/p"
HTML = b"<html><head><title>Log in</title></head><body>Wi-Fi</body></html>"
LOGIN = b"<!DOCTYPE html><html><head><meta charset=utf-8><title>Log in</title><body><br>Wi-Fi &nbsp;"
RUNS = [make_run(seed=seed) for seed in range(7)]


def fill(stub: S3Stub) -> list[str]:
    """Put RUNS there; their keys, sorted."""
    for run in RUNS:
        stub.objects[f"p/{run.key()}"] = to_bytes(run)
    stub.page = 3
    return sorted(run.key() for run in RUNS)


SPELLINGS = {
    "no KeyCount": (r"<KeyCount>\d+</KeyCount>", ""),
    "a KeyCount that counts otherwise": (r"<KeyCount>\d+", "<KeyCount>0"),
    "capital letters": (r">(true|false)<", lambda found: f">{found[1].capitalize()}<"),
    "a declaration and a namespace": (
        "^<ListBucketResult",
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"',
    ),
    "a token after the end": (
        "<IsTruncated>false</IsTruncated>",
        r"\g<0><NextContinuationToken>x</NextContinuationToken>",
    ),
}


@pytest.mark.parametrize(("pattern", "put"), SPELLINGS.values(), ids=SPELLINGS)
def test_a_listing_is_followed_by_what_it_contains(stub: S3Stub, pattern: str, put: str) -> None:
    keys = fill(stub)
    stub.on_list = lambda xml: re.sub(pattern, put, xml)
    assert list(open_store(URL).keys()) == keys
    assert list(open_store(URL).keys("v1/leases/")) == []


def test_an_object_that_is_too_large_to_be_a_record_is_named_and_not_read(
    stub: S3Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = fill(stub)
    monkeypatch.setattr("bench.store.s3.LARGEST_RECORD", 1 << 16)
    stub.objects[f"p/{keys[2]}"] = b" " * (1 << 17)
    documents, errors = read_all(open_store(URL))
    assert sorted(document.key() for document in documents) == [*keys[:2], *keys[3:]]
    assert [keys[2] in str(error) for error in errors] == [True]
    assert str(1 << 17) in str(errors[0])


def test_an_empty_bucket_without_a_key_count_holds_no_store(stub: S3Stub) -> None:
    stub.on_list = lambda xml: re.sub(r"<KeyCount>\d+</KeyCount>", "", xml)
    with pytest.raises(StoreError, match="--store s3://bucket/p"):
        open_store(URL).keys()


def test_a_folder_that_two_pages_name_is_listed_once(stub: S3Stub) -> None:
    keys = fill(stub)
    more = "<CommonPrefixes><Prefix>p/v1/runs/</Prefix></CommonPrefixes>"
    stub.on_list = lambda xml: xml.replace(more, more + more)
    assert list(open_store(URL).keys()) == keys


CUT = "<IsTruncated>true</IsTruncated>"
NO_LISTINGS: dict[str, tuple[str, str | Answer, str]] = {
    "without a continuation token": (r"<NextContinuationToken>.*</NextContinuationToken>", "", "ListObjectsV2"),
    "the same token again": (
        r"<IsTruncated>.*</NextContinuationToken>",
        f"{CUT}<NextContinuationToken>a</NextContinuationToken>",
        "token twice",
    ),
    "without its end": (r"<IsTruncated>\w+</IsTruncated>", "", "IsTruncated"),
    "with an end that is no word": (r"<IsTruncated>\w+<", "<IsTruncated>perhaps<", "IsTruncated"),
    "of other keys": (r"<Key>p/", "<Key>q/", "'q/v1/runs/"),
    "in percent": (r"<Key>p/", "<Key>p%2F", "p%2Fv1"),
    "without keys": (r"<Key>.*?</Key>", "", "''"),
    "broken off": (r"</Contents>.*", "", "try again"),
    "a page": ("", Answer(200, HTML), "AWS_ENDPOINT_URL_S3"),
    "a page that is no XML": ("", Answer(200, LOGIN), "AWS_ENDPOINT_URL_S3"),
    "nothing": ("", Answer(200), "AWS_ENDPOINT_URL_S3"),
    "JSON": ("", Answer(200, b'{"ok": true}'), "AWS_ENDPOINT_URL_S3"),
    "another XML": ("", Answer(200, b"<ListAllMyBucketsResult/>"), "AWS_ENDPOINT_URL_S3"),
    "an error of status 200": ("", refusal(200, "InternalError"), "server is failing"),
    "a redirection": ("", Answer(302, HTML), "AWS_ENDPOINT_URL_S3"),
    "a page of status 404": ("", Answer(404, HTML), "AWS_ENDPOINT_URL_S3"),
    "no such operation": ("", refusal(501, "NotImplemented"), "ListObjectsV2"),
    "bad numbers": (r"<Size>1<", "<Size>one<", "AWS_ENDPOINT_URL_S3"),
}


@pytest.mark.parametrize(("pattern", "put", "fact"), NO_LISTINGS.values(), ids=NO_LISTINGS)
def test_what_is_no_whole_listing_is_one_line_and_never_fewer_records(
    stub: S3Stub, tmp_path: Path, pattern: str, put: str | Answer, fact: str
) -> None:
    fill(stub)
    stub.on_list = lambda xml: put if isinstance(put, Answer) else re.sub(pattern, put, xml)
    done = run_bench("report", "--store", URL, cwd=tmp_path, env={**os.environ})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"bench: store {URL}: ")
    assert done.stderr.count("\n") == 1
    assert fact in done.stderr


SSE = {"BENCH_S3_SSE": "AES256"}
KMS = {"BENCH_S3_SSE": "aws:kms", "BENCH_S3_SSE_KMS_KEY_ID": "key"}
REFUSALS = {
    "MinIO without a KMS": (SSE, refusal(501, "NotImplemented"), "BENCH_S3_SSE=AES256"),
    "MinIO, newer": (KMS, refusal(400, "InvalidArgument", "KMS is not configured"), "BENCH_S3_SSE=aws:kms"),
    "a key that is disabled": (KMS, refusal(400, "KMS.DisabledException"), "BENCH_S3_SSE=aws:kms"),
    "the bucket's own key": ({}, refusal(400, "KMS.DisabledException"), "KMS"),
    "B2": ({}, refusal(400, "InvalidArgument", "Unsupported header 'x-amz-checksum-sha256'"), "x-amz-checksum-sha256"),
    "B2 with encryption": (
        SSE,
        refusal(400, "InvalidArgument", "Unsupported header 'x-amz-checksum-sha256'"),
        "checksum",
    ),
    "B2 without a word": ({}, refusal(400, "InvalidArgument"), "x-amz-checksum-sha256"),
    "R2": ({}, refusal(501, "NotImplemented", "Header 'x-amz-checksum-sha256' not implemented"), "checksum"),
    "GCS": (
        {},
        Answer(501, b"<Error><Code>NotImplemented</Code><Message>m</Message><Header>If-None-Match</Header></Error>"),
        "If-None-Match",
    ),
    "nobody knows what": ({}, refusal(501, "NotImplemented"), "If-None-Match"),
    "a console's port": ({}, Answer(405, HTML), "AWS_ENDPOINT_URL_S3"),
    "a login page": ({}, Answer(200, HTML), "AWS_ENDPOINT_URL_S3"),
    "a login page that is no XML": ({}, Answer(200, LOGIN), "AWS_ENDPOINT_URL_S3"),
}


@pytest.mark.parametrize(("settings", "answer", "fact"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_told_by_what_was_asked_for_and_the_record_is_kept(
    stub: S3Stub, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], answer: Answer, fact: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    stub.on_put = lambda key, data, headers: answer
    with pytest.raises(StoreError) as error:
        open_store(URL).check_writable()
    assert fact in str(error.value)
    assert "BENCH_S3_SSE" not in str(error.value) or "BENCH_S3_SSE" in fact
    assert "\n" not in str(error.value)
    SpooledWriter(open_store(URL)).put(RUNS[0])
    assert len(Spool(URL).waiting()) == 1


REDIRECTIONS = {
    "a login page": (Answer(302, b"", (("Location", "/login"),)), "does not answer as S3 does"),
    "another region, unnamed": (refusal(301, "PermanentRedirect"), "name it in AWS_DEFAULT_REGION"),
    "another region, that says the same": (
        refusal(301, "PermanentRedirect")._replace(headers=(("x-amz-bucket-region", "eu-west-1"),)),
        "name it in AWS_DEFAULT_REGION",
    ),
    "a new bucket": (refusal(307, "TemporaryRedirect"), "name its region in AWS_DEFAULT_REGION"),
    "a proxy's page": (Answer(403, HTML), "does not answer as S3 does"),
    "a proxy that wants to know who asks": (Answer(407, HTML), "does not answer as S3 does"),
}


@pytest.mark.parametrize(("answer", "fact"), REDIRECTIONS.values(), ids=REDIRECTIONS)
def test_a_redirection_is_one_line_and_the_record_is_kept(stub: S3Stub, answer: Answer, fact: str) -> None:
    stub.every = answer
    with pytest.raises(StoreError) as error:
        open_store(URL).check_writable()
    assert fact in str(error.value)
    assert "\n" not in str(error.value)
    assert len(stub.requests) <= 4
    SpooledWriter(open_store(URL)).put(RUNS[0])
    assert len(Spool(URL).waiting()) == 1


@pytest.mark.parametrize("answer", [each for each, _ in REDIRECTIONS.values()], ids=REDIRECTIONS)
def test_the_doctor_says_that_a_store_which_redirects_would_fail(stub: S3Stub, tmp_path: Path, answer: Answer) -> None:
    stub.every = answer
    done = run_bench("doctor", "--for", "exec", "--store", URL, "--format", "json", cwd=tmp_path, env={**os.environ})
    (store,) = (each for each in json.loads(done.stdout) if each["name"] == "store")
    assert (done.returncode, store["state"]) == (1, "fails")


def test_a_download_that_breaks_off_is_tried_again(stub: S3Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    (key, *_) = fill(stub)
    whole, asked = stub.objects[f"p/{key}"], list[str]()

    def once(name: str) -> Answer | None:
        asked.append(name)
        return Answer(200, whole, breaks_off=True) if len(asked) == 1 else None

    stub.on_get = once
    with pytest.raises(StoreError, match="broke off"):  # the stub's settings allow one try
        open_store(URL).read_bytes(key)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    asked.clear()
    assert open_store(URL).read_bytes(key) == whole
    assert len(asked) == 2


def test_an_archived_object_is_told_as_one(stub: S3Stub) -> None:
    (key, *_) = fill(stub)
    stub.on_get = lambda name: refusal(403, "InvalidObjectState")
    with pytest.raises(StoreError, match="archived"):
        open_store(URL).read_bytes(key)


def test_a_server_that_refuses_what_is_absent_is_refused_before_a_run(stub: S3Stub, tmp_path: Path) -> None:
    def inverted(key: str, data: bytes, headers: dict[str, str]) -> Answer | None:
        if key not in stub.objects:
            return refusal(412, "PreconditionFailed")
        stub.objects[key] = data
        return Answer(200)

    an_entry(tmp_path)
    stub.on_put = inverted
    done = run_bench("import", "dawnbench", str(tmp_path), "--store", URL, cwd=tmp_path, env={**os.environ})
    assert done.returncode == 1
    assert "If-None-Match" in done.stderr
    assert stub.objects == {}


def test_a_412_for_a_record_that_is_not_there_is_the_servers_failure(stub: S3Stub) -> None:
    """The probe lies there from another day, and the server refuses all that it is asked to make now."""
    open_store(URL).check_writable()
    stub.on_put = lambda key, data, headers: refusal(412, "PreconditionFailed")
    SpooledWriter(open_store(URL)).put(RUNS[0])
    assert len(Spool(URL).waiting()) == 1
    with pytest.raises(StoreError, match="412"):
        open_store(URL).put(RUNS[0])


def test_a_server_that_alters_what_it_keeps_is_refused_before_a_run(stub: S3Stub) -> None:
    """As one that keeps the marks of a chunked upload."""

    def chunked(key: str, data: bytes, headers: dict[str, str]) -> Answer | None:
        if key in stub.objects:
            return None
        stub.objects[key] = b"17\r\n" + data + b"\r\n0\r\n"
        return Answer(200)

    stub.on_put = chunked
    with pytest.raises(StoreError, match=r"\.tmp/writable"):
        open_store(URL).check_writable()


def test_a_server_that_says_yes_and_keeps_nothing_is_refused_before_a_run(stub: S3Stub) -> None:
    stub.on_put = lambda key, data, headers: Answer(200)
    with pytest.raises(StoreError, match="If-None-Match"):
        open_store(URL).check_writable()
