"""A store below an S3 prefix: one object per record, created once, safe for concurrent writers.

A record is put with `If-None-Match: *` and its SHA-256, so that S3 itself refuses to overwrite one and to accept
altered bytes. Credentials, region, endpoint, profile and role are boto3's own settings; docs/s3.md names them.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache, cached_property, partial
from itertools import chain
from shlex import quote
from typing import Any

from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from bench.concurrency import in_processes, in_threads
from bench.errors import ConflictError, RecordError, StoreError
from bench.record.documents import AnyDocument, Run, new_id, time_of, to_bytes, utc_now
from bench.store.base import ROOT, is_record_key, parse, require_record_key
from bench.store.files import LARGEST_RECORD
from bench.store.s3_client import S3Error, encryption, make_client, server, translate_errors, tries
from bench.store.s3_listing import Page, list_pages
from bench.tracking import tracked

_URL = re.compile(r"s3:/+([A-Za-z0-9._-]{1,255})(/[^?#@\s]*)?", re.IGNORECASE)
# It stays there: writing records needs no permission to delete.
_PROBE = ".tmp/writable"
# Folders that are listed by subfolder, concurrently: runs are listed by month.
_BRANCH = re.compile(rf"{ROOT}/(runs/(\d{{4}}/)?)?")
_TRIES, _PAUSE = 5, 0.1  # s, doubled at each try
# A run that is put so long after its id was created is marked: its key sorts among those already read.
LATE, LATE_AFTER = f"{ROOT}/compact/late/", timedelta(minutes=15)
# Starting processes takes as long as reading a thousand records.
_WORTH_PROCESSES = 4000
_BATCH = 500


class S3Store:
    """The store at `url`, such as `s3://bucket/prefix`. S3 is not contacted before it is needed."""

    def __init__(self, url: str) -> None:
        found = _URL.fullmatch(url)
        parts = (found[2] or "").split("/") if found else []
        # Every HTTP library resolves . and .. after the request is signed.
        if found is None or {".", ".."}.intersection(parts):  # not shown: people put keys into URLs
            raise StoreError(
                "the store's URL is invalid; write s3://bucket/prefix, without keys, a password, /./ or /../"
            )
        self._bucket = found[1]
        self._above = "".join(f"{part}/" for part in parts if part)
        self._name = f"s3://{self._bucket}/{self._above}".rstrip("/")
        self._place = f"store {self._name}"  # what errors call it

    @property
    def name(self) -> str:
        """The store's URL."""
        return self._name

    @property
    def locator(self) -> str:
        """The store's URL, which means the same wherever it is written."""
        return self._name

    def check_writable(self) -> None:
        """Check that the bucket accepts an object, and only once; a small one remains there, `.tmp/writable`.

        Raises StoreError, in one line with what to do.
        """
        data = b"bench could write here\n"
        if self.create_object(_PROBE, data) and self.create_object(_PROBE, data):
            raise StoreError(
                f"{self._place}: the server ignores If-None-Match, so records could be overwritten; "
                "use one that supports conditional writes"
            )
        # A 412 is believed once the object was read: some servers refuse although there is none.
        if self._there(_PROBE) != data:
            raise StoreError(
                f"{self._place}: {_PROBE} reads back altered, as records would; check what is in between, such "
                "as a gateway, or use another server"
            )

    def put(self, document: AnyDocument) -> str:
        """Store `document` and return its key, once S3 has confirmed it.

        Putting the same document again changes nothing and succeeds. Raises ConflictError, naming the object, if
        another document is there; StoreError if S3 does not accept it.
        """
        key, data = document.key(), to_bytes(document)
        begun = self._mark_late(document, time_of(document.id))  # first: a mark without a run does no harm
        if not self.create_object(key, data) and self._there(key) != data:
            raise ConflictError(
                f"{self._name}/{key}: another document is here already, and records are never overwritten; "
                "compare them, then give another store with --store"
            )
        self._mark_late(document, begun)  # the machine may have slept in between
        return key

    def read(self, key: str) -> AnyDocument:
        """The document under `key`. Raises RecordError, naming the object, if it is missing or invalid."""
        return parse(self.read_bytes(key), key, f"{self._name}/{key}")

    def read_bytes(self, key: str) -> bytes:
        """The bytes of the object `key`, unchecked. Raises RecordError if it is missing, StoreError if S3 fails."""
        try:
            return self.read_object(require_record_key(key), LARGEST_RECORD)
        except S3Error as error:
            if error.code != "NoSuchKey":
                raise
            raise RecordError(f"{self._name}/{key}: cannot be read (no such object)") from None

    def read_object(self, key: str, most: int | None = None) -> bytes:
        """The object under `key`, a record or not. Raises StoreError; RecordError if it has more than `most` bytes.

        A download that breaks off is repeated, as boto3 does for requests that fail earlier.
        """
        client = self._client
        left = tries(client)
        while True:
            with translate_errors(self._place, server(client)):
                answer = client.get_object(Bucket=self._bucket, Key=self._above + key)
            body, length = answer["Body"], answer.get("ContentLength") or 0
            if most is not None and length > most:
                body.close()
                raise RecordError(f"{self._name}/{key}: {length} bytes, more than a record has; move it elsewhere")
            left -= 1
            try:
                with translate_errors(self._place, server(client)):
                    return bytes(body.read())
            except S3Error:
                if not left:
                    raise

    def _there(self, key: str) -> bytes:
        """The object under `key`, which exists according to S3. Raises StoreError if it does not."""
        try:
            return self.read_object(key)
        except S3Error as error:
            if error.code != "NoSuchKey":
                raise
            raise StoreError(
                f"{self._place}: the server refuses {key} as if it were there (412), and it is not: it does not "
                "know If-None-Match as S3 does; use one that knows conditional writes"
            ) from None

    def _mark_late(self, document: AnyDocument, begun: datetime) -> datetime:
        """Mark a run that is put long after `begun`, for the compact layer; return the time to count from next."""
        now = utc_now()
        if not isinstance(document, Run) or now - begun <= LATE_AFTER:
            return begun
        # Not empty: on the connection of an empty one, botocore before 1.43.77 waits 30 s for the next answer.
        self.create_object(f"{LATE}{new_id()}/{document.id}", document.id.encode())
        return now

    def objects(self, prefix: str, *, after: str = "") -> list[str]:
        """The keys of all objects that begin with `prefix`, sorted, records or not; only those after `after`."""
        cut, more = len(self._above), {"StartAfter": self._above + after} if after else {}
        keys = {key[cut:] for page in self._pages(prefix, **more) for key in page.keys}
        return sorted(key for key in keys if key > after)

    def read_many(self, keys: Sequence[str]) -> Iterator[bytes | RecordError]:
        """The objects under `keys`, in that order, or why one cannot be read. Raises StoreError if S3 fails.

        Many are read by a process per core: with boto3, one core reads 500 per second.
        """
        if len(keys) >= _WORTH_PROCESSES:
            batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
            return chain.from_iterable(in_processes(partial(_read_batch, self._name), batches))

        def read(key: str) -> bytes | RecordError:
            try:
                return self.read_bytes(key)
            except RecordError as error:
                return error

        self._client  # noqa: B018 -- created once, before many threads use it
        return in_threads(read, keys)

    def keys(self, prefix: str = f"{ROOT}/") -> Iterator[str]:
        """The keys that begin with `prefix`, sorted; objects that are not records are skipped.

        Raises StoreError if there is nothing at all below the store's prefix, or if it cannot be listed.
        """
        keys: list[str] = []
        folders = [prefix]
        while folders:
            listings = list(tracked(in_threads(self._list, folders), "folders listed", len(folders)))
            keys += [key for found, _ in listings for key in found if is_record_key(key)]
            folders = [folder for _, below in listings for folder in below]
        if not keys and not any(page.keys or page.prefixes for page in self._pages("", MaxKeys=1)):
            raise StoreError(
                f"{self._place}: nothing is stored below this prefix; `bench run RECIPE --store "
                f"{quote(self._name)}` creates a store there, or name the prefix that holds your records"
            )
        return iter(sorted(keys))

    def _list(self, prefix: str) -> tuple[list[str], list[str]]:
        """The keys that begin with `prefix`, and the folders that remain to be listed."""
        pages = list(self._pages(prefix, **({"Delimiter": "/"} if _BRANCH.fullmatch(prefix) else {})))
        # As sets: some servers repeat a folder on the next page.
        keys = {key for page in pages for key in page.keys}
        folders = {folder for page in pages for folder in page.prefixes} - {self._above + prefix}
        cut = len(self._above)
        return sorted(key[cut:] for key in keys), sorted(folder[cut:] for folder in folders)

    def _pages(self, prefix: str, **more: Any) -> Iterator[Page]:
        return list_pages(self._place, self._client, Bucket=self._bucket, Prefix=self._above + prefix, **more)

    # Another writer is writing this very object, and S3 asks to try again.
    @retry(
        retry=retry_if_exception(lambda error: isinstance(error, S3Error) and error.status == 409),
        stop=stop_after_attempt(_TRIES),
        wait=wait_random_exponential(multiplier=2 * _PAUSE),
        reraise=True,
    )
    def create_object(self, key: str, data: bytes) -> bool:
        """Create an object, a record or not. Returns False if it already exists."""
        client, digest = self._client, b64encode(hashlib.sha256(data).digest()).decode()
        asked = {"IfNoneMatch": "*", "ChecksumSHA256": digest, **encryption()}
        place = {"Bucket": self._bucket, "Key": self._above + key}
        try:
            with translate_errors(self._place, server(client), asked):
                client.put_object(**place, Body=data, ContentType=_content_type(key), **asked)
        except S3Error as error:
            if error.status == 412:
                return False
            raise
        return True

    @cached_property
    def _client(self) -> Any:
        return make_client(self._place)


def _content_type(key: str) -> str:
    return "application/vnd.apache.parquet" if key.endswith(".parquet") else "application/json"


_opened = cache(S3Store)  # creating a client takes longer than a batch's first request


def _read_batch(url: str, keys: Sequence[str]) -> list[bytes | RecordError]:
    return list(_opened(url).read_many(keys))
