"""The jobs that SkyPilot runs on a machine: set-up, runs, and one that packs the records to be unpacked here."""

from __future__ import annotations

import atexit
import binascii
import copy
import hashlib
import io
import re
import shlex
import shutil
import tarfile
import tempfile
from base64 import b64decode
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bench.errors import BenchError, RecordError, UsageError
from bench.programs.archive import build
from bench.record.documents import LEASE_TAG, from_bytes
from bench.store import LARGEST_RUN, RawRecord, is_record_key
from bench.sweep.place import narrowed_infra, place
from bench.sweep.provisioning.provisioner import LaunchRequest
from bench.sweep.task_file import on_gpus
from bench.sweep.yaml_file import read

_PLACE = ("infra", "cloud", "region", "zone", "use_spot")
_RECORDS = "~/bench-results"
ARCHIVE = "~/.bench/bench-exec.pyz"
# A job that prints what `unpack` reads. A machine without the folder has no records.
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
# 1: a file disappeared while it was read, from the spool into the store.
tar -czf "$package" --exclude=.tmp "${parts[@]}" || [ $? -eq 1 ]
base64 -w 900 "$package" | sed 's/^/bench-part:/'
echo "bench-sha256:$(sha256sum < "$package" | cut -d ' ' -f 1)"
"""
_SPOOLED = re.compile(r"spool/[0-9a-f]+/[0-9a-f]{64}\.json")
_LINE = re.compile(r"bench-(none|part|sha256):([A-Za-z0-9+/=]*)")


def task_config(request: LaunchRequest) -> dict[str, Any]:
    """The complete task of `request`, as its YAML would contain it."""
    config = copy.deepcopy(read(request.task).content)
    config["name"] = request.cluster
    config["envs"] = {**(config.get("envs") or {}), **request.envs}
    config["secrets"] = {**(config.get("secrets") or {}), **request.secrets}
    config["resources"] = _resources(request, config.get("resources") or {})
    if request.program:
        _measure(config, request.program)
    if request.records:
        config["file_mounts"] = {**(config.get("file_mounts") or {}), _RECORDS: str(request.records)}
    return config


def _measure(config: dict[str, Any], words: tuple[str, ...]) -> None:
    """Have the task's own run command measured from outside. Only one further file goes to the machine."""
    config["file_mounts"] = {**(config.get("file_mounts") or {}), ARCHIVE: _archive()}
    own = shlex.join(["bash", "-c", str(config.get("run") or "")])
    config["run"] = f"python3 {ARCHIVE} {shlex.join(words)} -- {own}\n"


@cache
def _archive() -> str:
    """A copy of `bench.programs` to send, which exists as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix="bench-exec-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(build(folder / "bench-exec.pyz"))


def setup_config(config: dict[str, Any]) -> dict[str, Any]:
    """The part that rents the machine and prepares it."""
    return {key: value for key, value in config.items() if key != "run"}


def run_config(config: dict[str, Any], accelerators: str | None) -> dict[str, Any]:
    """The part that measures, on the prepared machine, with its `accelerators`, such as V100:1."""
    kept = {key: value for key, value in config.items() if key in ("name", "num_nodes", "envs", "secrets", "run")}
    return kept | {"resources": {"accelerators": accelerators} if accelerators else {}}


def _resources(request: LaunchRequest, of_file: dict[str, Any]) -> dict[str, Any]:
    """The resources of the file, restricted to the request's cloud and pricing."""
    resources = _placed(request, of_file, of_file)
    for key in ("any_of", "ordered"):
        if resources.pop(key, None):
            # A choice without a place inherits that of the resources above it.
            choices = [(choice, {**of_file, **choice}) for choice in of_file[key]]
            fitting = [_placed(request, choice, whole) for choice, whole in choices if _fits(request, whole)]
            # Labels of its own would override those above it.
            resources[key] = [_labelled(request, choice) if choice.get("labels") else choice for choice in fitting]
            if not resources[key]:  # an empty list means anywhere to SkyPilot
                raise UsageError(f"{request.task}: resources: {key}: nothing here for {request.cloud}")
    if request.accelerators:
        resources = on_gpus(resources, request.accelerators)
    return _labelled(request, {**resources, "use_spot": request.spot})


def _labelled(request: LaunchRequest, words: dict[str, Any]) -> dict[str, Any]:
    """`words` with the request's labels, which override their own."""
    return {**words, "labels": {**(words.get("labels") or {}), **request.labels, LEASE_TAG: request.lease_id}}


def _fits(request: LaunchRequest, whole: dict[str, Any]) -> bool:
    """Whether a choice is on the request's cloud, and in its region if it names one."""
    return place(whole).meets(place({"infra": request.cloud}))


def _placed(request: LaunchRequest, words: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """`words` with the request's cloud, if any, in place of that of `whole`, and without their own pricing."""
    dropped = _PLACE if request.cloud else ("use_spot",)
    kept = {key: value for key, value in words.items() if key not in dropped}
    if request.cloud is None:
        return kept
    # What the file specifies beyond the sweep, such as the region, is kept.
    return {**kept, "infra": narrowed_infra(whole, request.cloud)}


def unpack(log: Iterable[str]) -> Iterator[RawRecord]:
    """The records in the log of a job that ran `PACK`. Raises BenchError if the package did not arrive completely."""
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
    raise BenchError("its log broke off before all of them had arrived; try again")


def _records(text: str, digest: str) -> Iterator[RawRecord]:
    try:
        package = b64decode(text, validate=True)
    except binascii.Error:
        package = b""
    if hashlib.sha256(package).hexdigest() != digest:
        raise BenchError("the package arrived altered; try again")
    # Read in memory: nothing sent by a machine is unpacked onto this host's disk.
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        for member in archive:
            spooled = _SPOOLED.fullmatch(member.name) is not None
            if member.isfile() and (spooled or is_record_key(member.name)) and member.size <= LARGEST_RUN:
                content = archive.extractfile(member)
                assert content is not None  # only a folder or a link has none
                raw = content.read()
                yield RawRecord(_key(raw, member.name) if spooled else member.name, raw)


def _key(raw: bytes, name: str) -> str:
    """The key of a record in the spool; for a damaged one its file's name, which the error will show."""
    try:
        return from_bytes(raw, name).key()
    except RecordError:
        return name
