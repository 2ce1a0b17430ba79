"""What went wrong with S3, in one line with what to do about it.

The texts of boto3 and of the server are not passed on: they can hold keys, tokens, or a password from a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from bench.errors import StoreError

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
    ((boto.NoCredentialsError,), "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
     "or a profile in AWS_PROFILE"),
    ((boto.PartialCredentialsError,), f"the credentials are not complete; {_KEYS}"),
    ((boto.ProfileNotFound,), "there is no such profile; check AWS_PROFILE and ~/.aws/config"),
    ((boto.CredentialRetrievalError, boto.SSOError, boto.TokenRetrievalError),
     f"the credentials cannot be had; {_RENEW}"),
    ((boto.ConfigParseError, boto.InvalidConfigError), "boto3's configuration is not right; check ~/.aws/config"),
    ((boto.SSLError,), "the server's certificate is not trusted; name its authority's file in AWS_CA_BUNDLE"),
    ((boto.ConnectionError, boto.HTTPClientError), f"{{server}} cannot be reached; check the network and {_ENDPOINT}"),
    ((ValueError, boto.InvalidEndpointConfigurationError), "the endpoint's URL is not right; check "
     f"{_ENDPOINT} and AWS_DEFAULT_REGION"),
)  # fmt: skip


class S3Error(StoreError):
    """S3 did not do it. `status` is its HTTP status, None where it did not answer; `code` its name for the error."""

    def __init__(self, message: str, status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


@contextmanager
def told(store: str, server: str | None = None) -> Iterator[None]:
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
