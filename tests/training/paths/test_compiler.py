"""What torch.compile lacks here, and where it keeps what it makes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
import torch

from bench.training import device
from bench.training.paths import compiler


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about a machine without a GPU")
def test_triton_is_not_there_for_a_processor() -> None:
    assert compiler.triton_lacks() is not None


@pytest.mark.parametrize(("compilers", "lacking"), [({"clang++"}, []), ({"gcc"}, ["C++ compiler"])])
def test_what_compiling_for_a_processor_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compilers: set[str], lacking: list[str]
) -> None:
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    monkeypatch.setattr("shutil.which", lambda name: name if name in compilers else None)
    assert compiler.lacking_to_compile() == lacking
    (tmp_path / "Python.h").unlink()
    assert compiler.lacking_to_compile() == [*lacking, "Python headers"]


@pytest.mark.parametrize("name", ["TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE"])
def test_a_compiler_that_is_switched_off_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(device, "lacking_to_compile", lambda: [])
    monkeypatch.setenv(name, "0")
    assert (compiler.switched_off(), device.choose("cpu").path) == (None, "compiled")
    monkeypatch.setenv(name, "1")
    assert (compiler.switched_off(), device.choose("cpu").path) == (name, "eager")
    assert compiler.triton_lacks() == f"{name} is set"


def test_compiled_code_is_kept_by_kind_of_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    folders = []
    for vectors in ("AVX2", "AVX512", "AVX2"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda vectors=vectors: vectors)
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
        compiler.keep_compiled_code_apart()
        compiler.keep_compiled_code_apart()  # a second time changes nothing
        folders.append(Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]))
    assert folders[0] == folders[2] != folders[1]
    assert {folder.parent for folder in folders} == {tmp_path}


def test_where_no_folder_is_named_compiled_code_goes_among_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    compiler.keep_compiled_code_apart()
    assert Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]).parent.parent == Path(tempfile.gettempdir())
