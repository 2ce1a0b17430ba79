"""The records in a machine's folder and its spool: a job there packs them into its log, unpacked here."""

from __future__ import annotations

import binascii
import hashlib
import io
import re
import tarfile
from base64 import b64decode
from collections.abc import Iterable, Iterator

from bench.errors import BenchError, RecordError
from bench.record.documents import from_bytes
from bench.store import RawRecord, is_record_key

# A job that prints what `unpack` reads. A machine without the folder has made no record.
PACK = r"""
set -euo pipefail
# The folder of records, and the spool of those that their store did not take.
state=${XDG_STATE_HOME:-$HOME/.local/state}/bench
parts=()
[ ! -d ~/bench-results/v1 ] || parts+=(-C ~/bench-results v1)
[ ! -d "$state/spool" ] || parts+=(-C "$state" spool)
[ ${#parts[@]} -gt 0 ] || { echo 'bench-none:'; exit 0; }
package=$(mktemp)
trap 'rm -f "$package"' EXIT
# 1: a file went while it was read, out of the spool and into the store.
tar -czf "$package" --exclude=.tmp "${parts[@]}" || [ $? -eq 1 ]
base64 -w 900 "$package" | sed 's/^/bench-part:/'
echo "bench-sha256:$(sha256sum < "$package" | cut -d ' ' -f 1)"
"""
_SPOOLED = re.compile(r"spool/[0-9a-f]+/[0-9a-f]{64}\.json")
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
            spooled = _SPOOLED.fullmatch(member.name) is not None
            if member.isfile() and (spooled or is_record_key(member.name)) and member.size <= _LARGEST:
                content = archive.extractfile(member)
                assert content is not None  # only a folder or a link has none
                raw = content.read()
                yield RawRecord(_key(raw, member.name) if spooled else member.name, raw)


def _key(raw: bytes, name: str) -> str:
    """The key of a record in the spool; its file's name where it is damaged, as the error will name it."""
    try:
        return from_bytes(raw, name).key()
    except RecordError:
        return name
