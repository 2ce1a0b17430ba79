"""Wheels for an image, found by this machine's own pip and served on the loopback, so that builds need nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Debian bookworm's Python, and a torch without CUDA for it: from where pip is told to look, else from PyTorch.
PYTHON = "3.11"
TORCH = "torch==2.13.0+cpu"
PYTORCH = "https://download.pytorch.org/whl/cpu"


def download(folder: Path, lock: Path) -> None:
    """What `lock` names, its checksums compared, and torch with NumPy and Pillow."""
    _pip("--require-hashes", "--no-deps", "-r", str(lock), folder=folder)
    base = (TORCH, "numpy", "pillow")
    try:
        _pip(*base, folder=folder)
    except subprocess.CalledProcessError:
        _pip(*base, "--extra-index-url", PYTORCH, folder=folder)


def _pip(*words: str, folder: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder)),
            *("--python-version", PYTHON, "--only-binary", ":all:", *words),
        ],
        check=True,
    )


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL under which the files of `folder` are listed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *values: Any) -> None:  # noqa: A002 -- the name it has in the library
        pass
