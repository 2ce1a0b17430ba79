"""CIFAR-10 from its official binary batches: found, downloaded, verified, read.

A batch file is 10,000 records of 3,073 bytes: one label, then 1,024 red, 1,024 green and 1,024 blue bytes.
Only these files are read, and only after their MD5 was compared with the official one; no pickle is ever
opened. Source and checksums: https://www.cs.toronto.edu/~kriz/cifar.html and the files themselves.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit, urlunsplit
from urllib.request import Request, urlopen

import numpy as np
from numpy.typing import NDArray
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from bench.errors import DataError
from bench.programs.host import home
from bench.programs.redaction import Redaction
from bench.tracking import tracked

FOLDER = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"
URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
FILE_MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
RECORD_BYTES = 1 + 3 * 32 * 32
FILE_BYTES = 10_000 * RECORD_BYTES

# A download is given up, and tried again, where nothing comes for so long, or less than so many bytes a second.
STALLED_S, SLOW_S, SLOWEST = 30.0, 60.0, 10_000

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Cifar10:
    """Images as uint8 [n, 3, 32, 32] and labels as uint8 [n], in the official order."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    name: str = "cifar10"

    def hold_out(self, n: int = 10_000) -> Cifar10:
        """The last `n` training images in place of the test set: for choosing, without opening the test set."""
        return Cifar10(
            self.train_images[:-n],
            self.train_labels[:-n],
            self.train_images[-n:],
            self.train_labels[-n:],
            name=f"cifar10-held-out-{n}",
        )


def cache_folder() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/bench`, or `~/.cache/bench`. Raises DataError without a home."""
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "bench"
    if folder := home():
        return folder / ".cache" / "bench"
    raise DataError("this user has no home folder, and so no cache; name the data's folder with --data or CIFAR10_DIR")


def find(given: str | Path | None = None) -> Path:
    """The folder that holds the batches: `given`, else `CIFAR10_DIR`, else the cache.

    They may lie in the folder itself or in `cifar-10-batches-bin` below it. Raises DataError where they do not.
    """
    named = given or os.environ.get("CIFAR10_DIR")
    if folder := _found(_root(named)):
        return folder
    if named:
        raise DataError(
            f"{named}: no CIFAR-10 batches here (expected {FOLDER}/data_batch_1.bin …); "
            "name the folder that holds them, or leave --data and CIFAR10_DIR unset and run `bench data fetch`"
        )
    raise DataError(f"{cache_folder()}: no CIFAR-10 here; run `bench data fetch`, or name its folder with --data")


def _root(named: str | Path | None) -> Path:
    """The folder that is named, or the cache. Raises DataError."""
    try:
        return Path(named).expanduser() if named else cache_folder()
    except RuntimeError as error:
        raise DataError(f"{named}: {error} Give the folder's full path") from None


def _found(root: Path) -> Path | None:
    """Where batches lie: in `root`, or in the folder of the archive below it. Raises DataError."""
    for folder in (root / FOLDER, root):
        try:
            if any((folder / name).exists() for name in FILE_MD5):
                return folder
        except OSError as error:
            raise DataError(
                f"{folder}: cannot be looked into ({error.strerror}); check --data or CIFAR10_DIR"
            ) from None
    return None


def verify(folder: Path) -> None:
    """Check that every batch is whole and official. Raises DataError naming the first file that is not."""
    for name in FILE_MD5:
        _read_verified(folder / name)


def _read_verified(path: Path) -> bytes:
    remedy = "remove it and run `bench data fetch`"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: missing; run `bench data fetch`") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if len(content) != FILE_BYTES:
        raise DataError(f"{path}: {len(content):,} bytes where {FILE_BYTES:,} are right, cut short; {remedy}")
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != FILE_MD5[path.name]:
        raise DataError(f"{path}: MD5 differs from the official file, altered; {remedy}")
    return content


def load(folder: Path) -> Cifar10:
    """Read and verify all six batches (about 0.6 s). Raises DataError like `verify`."""

    def read(names: list[str]) -> tuple[Bytes, Bytes]:
        raw = b"".join(_read_verified(folder / name) for name in names)
        records = np.frombuffer(raw, np.uint8).reshape(-1, RECORD_BYTES)
        return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].copy()

    *train, test = FILE_MD5
    return Cifar10(*read(train), *read([test]))


def fetch(
    destination: Path | None = None,
    url: str | None = None,
    *,
    md5: str = ARCHIVE_MD5,
    attempts: int = 3,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Download the official archive, check it, unpack its batches; returns their folder.

    `url` defaults to `CIFAR10_URL`, else Toronto. Nothing is downloaded where verified batches lie already, or the
    verified archive; of batches that lie there in part the others are added.
    Raises DataError after `attempts` failures, where the archive's checksum is wrong, or a file that lies there.
    """
    root = _root(destination)
    folder = _found(root) or root / FOLDER
    lying = [name for name in FILE_MD5 if (folder / name).exists()]
    for name in lying:
        _read_verified(folder / name)
    if len(lying) == len(FILE_MD5):
        say(f"{folder}: already here, all six files verified")
        return folder
    url = url or os.environ.get("CIFAR10_URL") or URL
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".fetch-") as scratch:
            archive = root / ARCHIVE
            if archive.is_file() and _md5(archive) == md5:
                say(f"{archive}: already here, verified")
            else:
                archive = Path(scratch) / ARCHIVE
                _download(url, archive, md5, attempts, say)
            _unpack(archive, Path(scratch) / FOLDER)
            verify(Path(scratch) / FOLDER)
            _move(Path(scratch) / FOLDER, folder)
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"{root}: cannot be written ({why}); give another folder with --data") from error
    say(f"{folder}: six files, verified")
    return folder


def _move(unpacked: Path, folder: Path) -> None:
    """Move the batches to `folder`: where nothing lies there, a reader sees all six or none. Raises OSError."""
    with suppress(OSError):  # such as files that lie there, or come from another process just now
        unpacked.rename(folder)
        return
    for name in FILE_MD5:
        if not (folder / name).exists():
            (unpacked / name).rename(folder / name)


def _download(url: str, archive: Path, md5: str, attempts: int, say: Callable[[str], None]) -> None:
    # ValueError: a wrong checksum, or no URL.
    failures = (OSError, HTTPException, ValueError)
    shown = _without_password(url)
    try:
        _request(url)  # what is no URL is not tried again
        for attempt in Retrying(
            stop=stop_after_attempt(attempts),
            wait=wait_exponential(multiplier=2),
            retry=retry_if_exception_type(failures),
            reraise=True,
        ):
            with attempt:
                say(f"{shown} (attempt {attempt.retry_state.attempt_number} of {attempts})")
                _copy(url, archive)
                if (got := _md5(archive)) != md5:
                    raise ValueError(f"MD5 is {got}, and {md5} is right")
    except failures as failure:
        raise DataError(
            f"{shown}: {failure}; try again, name a mirror with --url or CIFAR10_URL, or put the official batches "
            "into a folder and name it with --data or CIFAR10_DIR"
        ) from failure


def _request(url: str) -> Request:
    """What is asked of any address that urllib knows, file:// too, as it is the user who gives it.

    A name and a password in it, which urllib takes for a part of the host, go to that host alone. Raises ValueError.
    """
    parts = urlsplit(url)
    if not parts.scheme:
        raise ValueError("it is not a URL; one begins with https:// or file://")
    user, at, host = parts.netloc.rpartition("@")
    if not at or parts.scheme not in ("http", "https"):
        return Request(url)
    request = Request(urlunsplit(parts._replace(netloc=host)))
    # Not sent on to where a redirection leads.
    request.add_unredirected_header("Authorization", f"Basic {b64encode(unquote_to_bytes(user)).decode()}")
    return request


def _without_password(url: str) -> str:
    """`url` as it may be shown: neither who asks stands in it, nor what a secret's name is set to."""
    whole = url if "://" in url else f"://{url}"
    return Redaction({}).text(whole).removeprefix("://")


def _copy(url: str, path: Path) -> None:
    """Download a file. Raises TimeoutError where nothing comes for STALLED_S, or less than SLOWEST for SLOW_S.

    Raises ConnectionError where it ends too early, which reading in blocks would pass over.

    A machine that waits for its data is paid for, and is not idle enough to be given back.
    """
    with urlopen(_request(url), timeout=STALLED_S) as answer, path.open("wb") as out:
        began, got = time.monotonic(), 0
        blocks = iter(partial(answer.read1, 1 << 20), b"")
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        for block in tracked(blocks, f"bytes of {path.name}", total, size=len):
            out.write(block)
            got += len(block)
            if (spent := time.monotonic() - began) > SLOW_S:
                if got < SLOWEST * spent:
                    raise TimeoutError(f"{got / spent / 1000:.3g} kB/s in the last {spent:.0f} s")
                began, got = time.monotonic(), 0
        if total is not None and out.tell() < total:
            raise ConnectionError(f"broke off after {out.tell():,} of {total:,} bytes")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """Copy the six batches out by name: no path of the archive's own is followed."""
    folder.mkdir()
    try:
        with tarfile.open(archive) as tar:
            for name in FILE_MD5:
                member = tar.extractfile(f"{FOLDER}/{name}")
                if member is None:
                    raise DataError(f"{archive.name}: {name} is no file in it; try another mirror")
                with (folder / name).open("wb") as out:
                    shutil.copyfileobj(member, out)
    except (tarfile.TarError, KeyError) as error:
        raise DataError(f"{archive.name}: {error}; try another mirror") from error
