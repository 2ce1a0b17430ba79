"""What lies in the repository is the same bytes in every checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def clone(folder: Path, autocrlf: str) -> Path:
    command = ["git", "clone", "-q", "--depth=1", "-c", f"core.autocrlf={autocrlf}", f"file://{ROOT}", str(folder)]
    subprocess.run(command, check=True)
    return folder


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_a_checkout_where_git_writes_crlf_has_the_same_records_and_scripts(tmp_path: Path) -> None:
    plain, windows = clone(tmp_path / "plain", "false"), clone(tmp_path / "windows", "true")
    files = [path.relative_to(plain) for pattern in ("sky/*", "results/v1/**/*.json") for path in plain.glob(pattern)]
    assert len(files) > 40
    assert [path for path in files if (plain / path).read_bytes() != (windows / path).read_bytes()] == []
