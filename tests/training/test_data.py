"""CIFAR-10's files: found, downloaded, and refused unless they are the official ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.errors import DataError
from bench.training import data


def test_a_record_is_a_label_and_three_planes(folder: Path, official: dict[str, bytes]) -> None:
    cifar = data.load(folder)
    assert cifar.train_images.shape == (100, 3, 32, 32)
    assert cifar.test_images.shape == (20, 3, 32, 32)
    raw = official["data_batch_2.bin"]
    assert cifar.train_labels[20] == raw[0]
    assert cifar.train_images[20, 1, 2, 3] == raw[1 + 1024 + 2 * 32 + 3]  # the third row of green


def test_holding_out_takes_the_test_images_from_the_training_set(folder: Path) -> None:
    cifar = data.load(folder)
    held = cifar.hold_out(30)
    assert len(held.train_labels) == 70
    assert np.array_equal(held.test_images, cifar.train_images[70:])
    assert held.name != cifar.name


@pytest.mark.parametrize("depth", ["folder", "parent"])
def test_batches_are_found_in_the_folder_or_below_it(folder: Path, depth: str) -> None:
    assert data.find(folder if depth == "folder" else folder.parent) == folder


def test_the_environment_names_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIFAR10_DIR", str(folder.parent))
    assert data.find() == folder


def test_without_a_name_and_without_a_cache_nothing_is_found(
    tmp_path: Path, official: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match="`bench data fetch`"):
        data.find()


def test_a_named_folder_without_batches_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^{tmp_path}: "):
        data.find(tmp_path)


def test_a_folder_that_cannot_be_looked_into_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data or CIFAR10_DIR"):
        data.find(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda path: path.unlink(), "`bench data fetch`"),
        (lambda path: path.write_bytes(path.read_bytes()[:-5]), " bytes "),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"), "MD5 "),
    ],
    ids=["missing", "truncated", "altered"],
)
def test_a_harmed_file_is_named_with_what_to_do(folder: Path, harm: Callable[[Path], object], expected: str) -> None:
    harm(folder / "data_batch_3.bin")
    with pytest.raises(DataError, match=expected) as caught:
        data.verify(folder)
    assert "data_batch_3.bin" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_official_files_pass(cifar10: Path) -> None:
    folder = data.find(cifar10)
    assert folder is not None
    images = data.load(folder)
    assert (len(images.train_labels), len(images.test_labels)) == (50_000, 10_000)
    assert np.array_equal(np.bincount(images.train_labels), [5000] * 10)
    mean = images.train_images.mean(axis=(0, 2, 3)) / 255
    assert np.allclose(mean, [0.4914, 0.4822, 0.4465], atol=1e-3)
