"""The environment tells of the machine and not of its owner."""

import getpass
import json
import socket
from pathlib import Path

import pytest

import bench
from bench.host import cores
from bench.measure.environment import describe


def test_the_environment_names_neither_host_nor_user_nor_folder() -> None:
    text = json.dumps(describe().model_dump(mode="json"))
    assert socket.gethostname() not in text
    assert "/" not in text.replace("Linux/", "")
    if len(getpass.getuser()) > 4:  # "root" is a word that a kernel's name may hold
        assert getpass.getuser() not in text


def test_the_environment_knows_the_processor_and_the_versions() -> None:
    described = describe()
    assert described.cpu
    assert described.cores == cores() >= 1
    assert described.python.startswith("3.")


def test_the_libraries_of_a_gpu_are_told_with_their_versions() -> None:
    described = describe("Tesla T4", "580.95.05", "13.0", 91002)
    assert (described.gpu, described.driver, described.cuda, described.cudnn) == (
        "Tesla T4",
        "580.95.05",
        "13.0",
        "9.10.2",
    )
    assert (describe().cudnn, describe().triton) == (None, None)


@pytest.mark.parametrize(
    ("built", "commit", "dirty"),
    [("", None, None), ("0123abc", "0123abc", False), ("0123abc-dirty", "0123abc", True)],
)
def test_an_image_says_what_it_was_built_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, built: str, commit: str | None, dirty: bool | None
) -> None:
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "bench" / "__init__.py"))  # no checkout
    monkeypatch.setenv("BENCH_GIT_COMMIT", built)
    monkeypatch.setenv("BENCH_IMAGE_DIGEST", "sha256:1")
    described = describe.__wrapped__()
    assert (described.git_commit, described.git_dirty, described.image_digest) == (commit, dirty, "sha256:1")
