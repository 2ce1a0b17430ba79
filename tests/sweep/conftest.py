"""A working directory for sweeps: task files of its own, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """`task(name, resources, **more)`: write sky/<name>.yaml in the working directory, which is an empty one."""
    (tmp_path / "sky").mkdir()
    monkeypatch.chdir(tmp_path)

    def write(name: str, resources: Any, **more: Any) -> Path:
        path = Path("sky") / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"resources": resources, **more}))
        return path

    return write
