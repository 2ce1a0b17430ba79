"""The S3 client: boto3's, with boto3's settings, and those few that boto3 has none for."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from bench.errors import StoreError, UsageError
from bench.store.parallel import THREADS
from bench.store.s3_errors import told

# A server that is not there is given up after three times the first of these, in seconds.
_CONNECT, _READ = 5, 30
_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse")


def make_client(store: str) -> Any:
    """A client for the store called `store`. Raises StoreError where boto3's settings do not do."""
    with told(store):
        client = boto3.Session().client(
            "s3",
            config=Config(
                retries={"mode": "standard"},
                connect_timeout=_CONNECT,
                read_timeout=_READ,
                max_pool_connections=THREADS,
                response_checksum_validation="when_required",  # a record holds its own
            ),
        )
    endpoint = urlsplit(client.meta.endpoint_url)
    if endpoint.username or endpoint.password:
        raise StoreError(
            f"store {store}: the endpoint's URL holds a user or a password; take them out of it, and set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return client


def server(client: Any) -> str:
    """Host and port that `client` talks to, without anything secret."""
    return str(urlsplit(client.meta.endpoint_url).netloc)


def encryption() -> dict[str, str]:
    """How S3 is asked to encrypt a record: `BENCH_S3_SSE`, `BENCH_S3_SSE_KMS_KEY_ID`; as the bucket does, if unset.

    Raises UsageError for an algorithm that S3 does not have.
    """
    key = os.environ.get("BENCH_S3_SSE_KMS_KEY_ID")
    algorithm = os.environ.get("BENCH_S3_SSE") or ("aws:kms" if key else "")
    if not algorithm:
        return {}
    if algorithm not in _ALGORITHMS or (key and algorithm == "AES256"):
        raise UsageError(f"BENCH_S3_SSE is {algorithm!r}; S3 has {', '.join(_ALGORITHMS)}, a key only with aws:kms")
    return {"ServerSideEncryption": algorithm, **({"SSEKMSKeyId": key} if key else {})}
