"""The hash of a machine: one for each, the same each time, and no name of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bench.programs.host import gpu_ids, hashed, host_id
from bench.record.documents import Machine

NUMBER, BOARD = "0123456789abcdef0123456789abcdef", "4c4c4544-0042-3510-8052-b4c04f4d3732"


def on(
    tmp_path: Path, machine_id: str | None, board: str | None, *, inside: bool = False, **environ: str
) -> str | None:
    """The hash on a machine with those numbers, or in a container on it."""
    files = {"machine-id": machine_id, "product_uuid": board, ".dockerenv": "" if inside else None}
    for name, text in files.items():
        if text is not None:
            (tmp_path / name).write_text(text)
    return host_id(environ, tmp_path / "machine-id", tmp_path / "product_uuid", [tmp_path / ".dockerenv"])


def test_a_host_is_told_by_its_own_number_which_is_not_in_it(tmp_path: Path) -> None:
    told = on(tmp_path, NUMBER + "\n", BOARD)
    assert told == hashed("host", NUMBER)
    assert told is not None
    assert re.fullmatch("[0-9a-f]{16}", told)
    assert told not in NUMBER
    assert Machine(host=told).host == told


@pytest.mark.parametrize(("inside", "environ"), [(True, {}), (False, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})])
def test_in_a_container_the_machine_id_is_the_images(tmp_path: Path, inside: bool, environ: dict[str, str]) -> None:
    assert on(tmp_path, NUMBER, BOARD, inside=inside, **environ) == hashed("host", BOARD)


@pytest.mark.parametrize(
    ("machine_id", "board", "told"),
    [
        (None, BOARD.upper(), hashed("host", BOARD)),
        ("", BOARD, hashed("host", BOARD)),
        ("uninitialized", "00000000-0000-0000-0000-000000000000", None),
        (None, "03000200-0400-0500-0006-000700080009", None),
        (None, None, None),
    ],
)
def test_a_number_that_many_machines_have_is_none(
    tmp_path: Path, machine_id: str | None, board: str | None, told: str | None
) -> None:
    assert on(tmp_path, machine_id, board) == told


def test_gpus_are_told_alike_with_and_without_their_prefix() -> None:
    uuids = ["GPU-9AB4A1C6-8d2f-5a0e-9c3b-2f1a7e6d5c4b", "12345678-8d2f-5a0e-9c3b-2f1a7e6d5c4b"]
    assert gpu_ids(uuids) == gpu_ids([uuids[1], uuids[0].removeprefix("GPU-").lower()])
    assert len(set(gpu_ids(uuids))) == 2
    assert gpu_ids([f"MIG-{uuids[1]}", ""]) == gpu_ids([uuids[1]])  # one that is not told has none
    assert Machine(gpus=gpu_ids(uuids)).gpus == gpu_ids(uuids)


def test_this_machine_says_the_same_twice() -> None:
    assert host_id(os.environ) == host_id(os.environ)
