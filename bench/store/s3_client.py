"""The S3 client: boto3 with its settings and the few that it lacks, and its errors explained in one line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from bench import variables
from bench.concurrency import THREADS
from bench.errors import StoreError, UsageError

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in AWS_PROFILE"
_RENEW = "renew them, for example with `aws sso login`"
_REGION = "the bucket is in another region; name it in AWS_DEFAULT_REGION"
_FAILING = "the server is failing or busy; try again later"
_SIGNED = f"the credentials are invalid; {_KEYS}"
_EXPIRED = f"the credentials have expired; {_RENEW}"
ENDPOINT = "AWS_ENDPOINT_URL_S3"
_AWS = re.compile(r"\.amazonaws\.com(\.cn)?$")
_CLOCK = "this machine's clock is off by minutes, which S3 rejects; set it, preferably by NTP"
_DIGEST = "the bytes arrived altered and were refused; try again, and look at the network or a proxy"

# The server's code for an error -> what it means. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_ANSWERS = {
    "NoSuchBucket": "there is no such bucket; make it, or name another one",
    "InvalidBucketName": "this is not a valid bucket name; name another one",
    "InvalidAccessKeyId": _SIGNED,
    "InvalidClientTokenId": _SIGNED,
    "SignatureDoesNotMatch": _SIGNED,
    "UnrecognizedClientException": _SIGNED,
    "InvalidToken": f"the session token is invalid; check AWS_SESSION_TOKEN, or {_RENEW}",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": "the bucket was created a moment ago, or is in another region; try later, or name its region "
    "in AWS_DEFAULT_REGION",
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "BadDigest": _DIGEST,
    "XAmzContentSHA256Mismatch": _DIGEST,
    "SlowDown": _FAILING,
    "InvalidObjectState": "the object is archived; restore it in its bucket, then try again",
}
# boto3's own errors -> what they mean. The first match counts.
_TROUBLE: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (boto.NoCredentialsError,),
        "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in AWS_PROFILE",
    ),
    ((boto.PartialCredentialsError,), f"the credentials are incomplete; {_KEYS}"),
    ((boto.ProfileNotFound,), "there is no such profile; check AWS_PROFILE and ~/.aws/config"),
    (
        (boto.CredentialRetrievalError, boto.SSOError, boto.TokenRetrievalError),
        f"the credentials cannot be obtained; {_RENEW}",
    ),
    ((boto.ConfigParseError, boto.InvalidConfigError), "boto3's configuration is invalid; check ~/.aws/config"),
    ((boto.SSLError,), "the server's certificate is not trusted; name its authority's file in AWS_CA_BUNDLE"),
    (
        (boto.IncompleteReadError, boto.ResponseStreamingError),
        "{server} broke off in the middle of an object; try again, and look at the network",
    ),
    ((boto.ConnectionError, boto.HTTPClientError), f"{{server}} cannot be reached; check the network and {ENDPOINT}"),
    (
        (ValueError, boto.InvalidEndpointConfigurationError),
        f"the endpoint's URL is invalid; check {ENDPOINT} and AWS_DEFAULT_REGION",
    ),
)
# Parameters of a put that not every server supports -> words by which an answer names them, and what to do.
_ASKED = {
    "ServerSideEncryption": (
        ("server-side-encryption", "kms"),
        f"the server does not encrypt as {variables.S3_SSE.name}={{}} asks; unset it, or set up its keys (KMS)",
    ),
    "ChecksumSHA256": (
        ("checksum",),
        "the server rejects the record's checksum (x-amz-checksum-sha256), which bench needs; use one that accepts it",
    ),
    "IfNoneMatch": (
        ("if-none-match", "ifnonematch", "conditional"),
        "the server does not support conditional writes (If-None-Match), which bench needs; use one that does",
    ),
}
_UNSAID = (
    "a record is put with a condition (If-None-Match) and a checksum (x-amz-checksum-sha256), which bench needs; "
    "use a server that supports both"
)
_NOT_DONE = (400, 405, 501)
_PAGES = (401, 403, 404, 405, 407)
# A login page, JSON, text: anything but XML and an empty body.
_FOREIGN = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:[^<\s]|<!doctype|<html)", re.IGNORECASE)
# The key under which answers to listings and puts of `make_client`'s clients contain the received bytes.
RAW_BODY = "RawBody"
# An unreachable server is given up after three times the first of these, in seconds.
_CONNECT, _READ = 5, 30
_TRIES = 3  # boto3's own
_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse")


class S3Error(StoreError):
    """A request to S3 failed. `status` is its HTTP status, None without an answer; `code` is S3's error code."""

    def __init__(self, message: str, status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


@contextmanager
def translate_errors(place: str, server: str = "the server", asked: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Raise S3Error for whatever boto3 raises inside.

    `place` is what an error calls what was asked for, such as `store s3://bucket`; `server` is its host and port, and
    `asked` are the parameters of the request.
    """
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = re.sub(r"\W", "", str(error.response.get("Error", {}).get("Code")))[:60]
        message = _answered(error.operation_name, status, code, server)
        if asked and status in _NOT_DONE and code not in _ANSWERS and not _is_page(status, code):
            message = f"{error.operation_name} was refused (HTTP {status}, {code}): {_advice(error, asked)}"
        raise S3Error(f"{place}: {message}", status, code) from None
    except StoreError:  # it says what is wrong
        raise
    except Exception as error:  # not only its own errors: an unexpected answer may break it anywhere
        raise S3Error(f"{place}: {_failed(error, server)}") from None


def _advice(error: ClientError, asked: Mapping[str, Any]) -> str:
    """What was requested that the server does not support; everything possible, if the server does not say."""
    answer = error.response.get("Error", {})
    # Its words select among ours and are not shown: they may contain anything.
    words = " ".join(str(value) for value in answer.values()).lower()
    known = {name: advice.format(asked[name]) for name, (_, advice) in _ASKED.items() if name in asked}
    named = [known[name] for name, (marks, _) in _ASKED.items() if name in asked and any(m in words for m in marks)]
    if not named and "kms" in words:
        named = ["the bucket's own encryption failed; look at its key (KMS)"]
    # Encryption is the one that the user chose, and can do without.
    return (named or [known.get("ServerSideEncryption", _UNSAID)])[0]


def not_s3(server: str) -> str:
    """What to say about an answer that does not come from S3, such as a login page."""
    return f"{server} does not answer as S3 does; check the host and port in {ENDPOINT}, and the network"


def _is_page(status: int | None, code: str) -> bool:
    """Whether the error comes from something else than S3: a console, a login page. S3 names a code."""
    return code in ("", "None", str(status)) and status is not None and (status in _PAGES or 300 <= status < 400)


def _answered(operation: str, status: int | None, code: str, server: str) -> str:
    if code in _ANSWERS:
        return f"{_ANSWERS[code]} ({code})"
    if _is_page(status, code):
        return f"{not_s3(server)} (HTTP {status})"
    if code == "NotImplemented":
        return f"the server does not support {operation}, which bench needs; use one that does (HTTP {status}, {code})"
    if status == 403:
        return f"no permission for {operation} ({code}); docs/s3.md has the policy that bench needs"
    if status is not None and status >= 500:
        return f"{_FAILING} (HTTP {status}, {code})"
    return f"{operation} was refused (HTTP {status}, {code})"


def _failed(error: Exception, server: str) -> str:
    if isinstance(error, ResponseParserError):
        return not_s3(server)
    meaning = next((meaning for kinds, meaning in _TROUBLE if isinstance(error, kinds)), None)
    if meaning is None:
        return f"boto3 failed ({type(error).__name__}); docs/s3.md names its settings"
    return meaning.format(server=server)


def make_client(place: str) -> Any:
    """A client for what errors call `place`. Raises StoreError if boto3's settings are invalid or incomplete."""
    with translate_errors(place):
        client = boto3.Session().client(
            "s3",
            config=Config(
                retries={"mode": "standard"},
                connect_timeout=_CONNECT,
                read_timeout=_READ,
                max_pool_connections=THREADS,
                response_checksum_validation="when_required",  # a record contains its own checksum
            ),
        )
    for operation in ("ListObjectsV2", "PutObject"):
        client.meta.events.register(f"response-received.s3.{operation}", _keep_body)
    client.meta.events.register("before-call.s3.HeadBucket", _follow_no_further)
    endpoint = urlsplit(client.meta.endpoint_url)
    if endpoint.username or endpoint.password:
        raise StoreError(
            f"{place}: the endpoint's URL holds a user or a password; take them out of it, and set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return client


def _keep_body(response_dict: dict[str, Any] | None, parsed_response: dict[str, Any] | None, **_: Any) -> None:
    """Keep the bytes of an answer: boto3 reads any XML, and takes missing elements for empty or false.

    Raises ResponseParserError for a success that is not S3's, which boto3 would take for a failure of the server.
    """
    if response_dict is None or parsed_response is None:
        return
    if response_dict["status_code"] < 300 and _FOREIGN.match(response_dict["body"]):
        raise ResponseParserError("not an answer of S3")
    parsed_response[RAW_BODY] = response_dict["body"]


def _follow_no_further(context: dict[str, Any], **_: Any) -> None:
    """Have boto3 ask only once for a bucket's region: otherwise it asks again for each redirect, endlessly."""
    context.get("s3_redirect", {})["redirected"] = True


def tries(client: Any) -> int:
    """How often `client` tries a request."""
    return int(client.meta.config.retries.get("total_max_attempts", _TRIES))


def server(client: Any) -> str:
    """The host and port that `client` talks to, without secrets."""
    return str(urlsplit(client.meta.endpoint_url).netloc)


def encryption() -> dict[str, str]:
    """The parameters for encrypting a record: `BENCH_S3_SSE`, `BENCH_S3_SSE_KMS_KEY_ID`; the bucket's default if unset.

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


def store_settings(store: str) -> dict[str, str]:
    """The settings by which another machine finds the same S3: region, endpoint, encryption, as environment variables.

    boto3 may have found them in a profile, which stays here. Raises StoreError if they are invalid.
    """
    own, client = boto3.Session().region_name or os.environ.get("AWS_REGION"), make_client(store)
    found = {
        "AWS_DEFAULT_REGION": own,
        ENDPOINT: None if _AWS.search(server(client)) else client.meta.endpoint_url,
        **{asked.name: asked.read(os.environ) for asked in (variables.S3_SSE, variables.S3_SSE_KMS_KEY_ID)},
    }
    return {name: value for name, value in found.items() if value}


def store_credentials(store: str) -> dict[str, str]:
    """The credentials that boto3 finds here, as SkyPilot secrets. Raises StoreError if it finds none."""
    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise StoreError(
            f"store {store}: no credentials for the machines to write there; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or a profile in AWS_PROFILE"
        )
    frozen = credentials.get_frozen_credentials()
    return {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token or "",
    }
