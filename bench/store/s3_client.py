"""The S3 client: boto3's, with boto3's settings, and those few that boto3 has none for."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.parsers import ResponseParserError

from bench import variables
from bench.concurrency import THREADS
from bench.errors import StoreError, UsageError
from bench.store.s3_errors import translate_errors

# A login page, JSON, text: all but nothing and XML.
_FOREIGN = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:[^<\s]|<!doctype|<html)", re.IGNORECASE)
# Where `make_client`'s answers to listings and puts have the bytes that came.
RAW_BODY = "RawBody"
# A server that is not there is given up after three times the first of these, in seconds.
_CONNECT, _READ = 5, 30
_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse")


def make_client(store: str) -> Any:
    """A client for the store called `store`. Raises StoreError where boto3's settings do not do."""
    with translate_errors(store):
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
    for operation in ("ListObjectsV2", "PutObject"):
        client.meta.events.register(f"response-received.s3.{operation}", _keep_body)
    endpoint = urlsplit(client.meta.endpoint_url)
    if endpoint.username or endpoint.password:
        raise StoreError(
            f"store {store}: the endpoint's URL holds a user or a password; take them out of it, and set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return client


def _keep_body(response_dict: dict[str, Any] | None, parsed_response: dict[str, Any] | None, **_: Any) -> None:
    """Keep an answer's bytes: boto3 reads any XML, and takes what is missing in it for empty or false.

    Raises ResponseParserError for a success that is not S3's, which boto3 would take for a server's failure.
    """
    if response_dict is None or parsed_response is None:
        return
    if response_dict["status_code"] < 300 and _FOREIGN.match(response_dict["body"]):
        raise ResponseParserError("not an answer of S3")
    parsed_response[RAW_BODY] = response_dict["body"]


def server(client: Any) -> str:
    """Host and port that `client` talks to, without anything secret."""
    return str(urlsplit(client.meta.endpoint_url).netloc)


def encryption() -> dict[str, str]:
    """How S3 is asked to encrypt a record: `BENCH_S3_SSE`, `BENCH_S3_SSE_KMS_KEY_ID`; as the bucket does, if unset.

    Raises UsageError for an algorithm that S3 does not have.
    """
    key = variables.S3_SSE_KMS_KEY_ID.read(os.environ)
    algorithm = variables.S3_SSE.read(os.environ) or ("aws:kms" if key else "")
    if not algorithm:
        return {}
    if algorithm not in _ALGORITHMS or (key and algorithm == "AES256"):
        raise UsageError(
            f"{variables.S3_SSE.name} is {algorithm!r}; S3 has {', '.join(_ALGORITHMS)}, a key only with aws:kms"
        )
    return {"ServerSideEncryption": algorithm, **({"SSEKMSKeyId": key} if key else {})}
