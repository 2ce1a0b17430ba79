"""The records in a machine's folder, by way of a job there that packs them into its log; unpacked here."""

from __future__ import annotations

import binascii
import hashlib
import io
import re
import tarfile
from base64 import b64decode
from collections.abc import Iterable, Iterator

from bench.errors import BenchError
from bench.store import RawRecord, is_record_key

# A job that prints what `unpack` reads. A machine without the folder has made no record.
PACK = r"""
set -euo pipefail
cd ~/bench-results 2>/dev/null && [ -d v1 ] || { echo 'bench-none:'; exit 0; }
package=$(mktemp)
trap 'rm -f "$package"' EXIT
tar -czf "$package" v1
base64 -w 900 "$package" | sed 's/^/bench-part:/'
echo "bench-sha256:$(sha256sum < "$package" | cut -d ' ' -f 1)"
"""
_LINE = re.compile(r"bench-(none|part|sha256):([A-Za-z0-9+/=]*)")
_LARGEST = 16 * 1024 * 1024  # bytes of a record; they are a thousandth of this


def unpack(log: Iterable[str]) -> Iterator[RawRecord]:
    """The records in the log of a job that ran `PACK`. Raises BenchError where the package did not come whole."""
    text: list[str] = []
    for line in log:
        match = _LINE.search(line)
        if match is None:
            continue
        kind, content = match.groups()
        if kind == "none":
            return
        if kind == "sha256":
            yield from _records("".join(text), content)
            return
        text.append(content)
    raise BenchError("its log broke off before all of them had come; try again")


def _records(text: str, digest: str) -> Iterator[RawRecord]:
    try:
        package = b64decode(text, validate=True)
    except binascii.Error:
        package = b""
    if hashlib.sha256(package).hexdigest() != digest:
        raise BenchError("the package arrived altered; try again")
    # Read in memory: nothing that a machine sends is unpacked onto this one's disk.
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        for member in archive:
            if member.isfile() and is_record_key(member.name) and member.size <= _LARGEST:
                content = archive.extractfile(member)
                assert content is not None  # only a folder or a link has none
                yield RawRecord(member.name, content.read())
