"""The S3 client: boto3's, with boto3's settings, and those few that boto3 has none for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bench import variables
from bench.concurrency import THREADS
from bench.errors import StoreError, UsageError

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in AWS_PROFILE"
_RENEW = "renew them, for example with `aws sso login`"
_REGION = "the bucket is in another region; name it in AWS_DEFAULT_REGION"
_FAILING = "the server is failing or busy; try again later"
_SIGNED = f"the credentials are not right; {_KEYS}"
_EXPIRED = f"the credentials have expired; {_RENEW}"
_ENDPOINT = "AWS_ENDPOINT_URL_S3"
_DIGEST = "the bytes arrived altered and were refused; try again, and look at the network or a proxy"

# The server's code for an error -> what it means. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_ANSWERS = {
    "NoSuchBucket": "there is no such bucket; make it, or name another one with --store",
    "InvalidBucketName": "this is no name for a bucket; name another one with --store",
    "InvalidAccessKeyId": _SIGNED,
    "InvalidClientTokenId": _SIGNED,
    "SignatureDoesNotMatch": _SIGNED,
    "UnrecognizedClientException": _SIGNED,
    "InvalidToken": f"the session token is not right; check AWS_SESSION_TOKEN, or {_RENEW}",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestTimeTooSkewed": "this machine's clock is wrong by minutes, and S3 wants it right; set it, with NTP best",
    "RequestExpired": "this machine's clock is wrong by minutes, and S3 wants it right; set it, with NTP best",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "BadDigest": _DIGEST,
    "XAmzContentSHA256Mismatch": _DIGEST,
    "NotImplemented": "the server does not know conditional writes; use one that does",
    "SlowDown": _FAILING,
}
# What boto3 itself says -> what it means. The first that fits counts.
_TROUBLE: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (boto.NoCredentialsError,),
        "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in AWS_PROFILE",
    ),
    ((boto.PartialCredentialsError,), f"the credentials are not complete; {_KEYS}"),
    ((boto.ProfileNotFound,), "there is no such profile; check AWS_PROFILE and ~/.aws/config"),
    (
        (boto.CredentialRetrievalError, boto.SSOError, boto.TokenRetrievalError),
        f"the credentials cannot be had; {_RENEW}",
    ),
    ((boto.ConfigParseError, boto.InvalidConfigError), "boto3's configuration is not right; check ~/.aws/config"),
    ((boto.SSLError,), "the server's certificate is not trusted; name its authority's file in AWS_CA_BUNDLE"),
    ((boto.ConnectionError, boto.HTTPClientError), f"{{server}} cannot be reached; check the network and {_ENDPOINT}"),
    (
        (ValueError, boto.InvalidEndpointConfigurationError),
        f"the endpoint's URL is not right; check {_ENDPOINT} and AWS_DEFAULT_REGION",
    ),
)


class S3Error(StoreError):
    """S3 did not do it. `status` is its HTTP status, None where it did not answer; `code` its name for the error."""

    def __init__(self, message: str, status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


@contextmanager
def translate_errors(store: str, server: str | None = None) -> Iterator[None]:
    """Raise S3Error for what boto3 raises inside. `server` is the host and port that is asked for `store`."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = re.sub(r"\W", "", str(error.response.get("Error", {}).get("Code")))[:60]
        message = _answered(error.operation_name, status, code)
        raise S3Error(f"store {store}: {message}", status, code) from None
    except (BotoCoreError, ValueError) as error:
        raise S3Error(f"store {store}: {_failed(error, server)}") from None


def _answered(operation: str, status: int | None, code: str) -> str:
    if code in _ANSWERS:
        return f"{_ANSWERS[code]} ({code})"
    if status == 403:
        return f"no permission for {operation} ({code}); docs/s3.md has the policy that bench needs"
    if status is not None and status >= 500:
        return f"{_FAILING} (HTTP {status}, {code})"
    return f"{operation} was refused (HTTP {status}, {code})"


def _failed(error: Exception, server: str | None) -> str:
    meaning = next((meaning for kinds, meaning in _TROUBLE if isinstance(error, kinds)), None)
    if meaning is None:
        return f"boto3 failed ({type(error).__name__}); docs/s3.md names its settings"
    return meaning.format(server=server or "the server")


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
    key = variables.S3_SSE_KMS_KEY_ID.read(os.environ)
    algorithm = variables.S3_SSE.read(os.environ) or ("aws:kms" if key else "")
    if not algorithm:
        return {}
    if algorithm not in _ALGORITHMS or (key and algorithm == "AES256"):
        raise UsageError(
            f"{variables.S3_SSE.name} is {algorithm!r}; S3 has {', '.join(_ALGORITHMS)}, a key only with aws:kms"
        )
    return {"ServerSideEncryption": algorithm, **({"SSEKMSKeyId": key} if key else {})}
