"""A real Docker engine for tests: dockerd in a folder of its own, in memory, without a network of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Another client may stand before it on the PATH, without the BuildKit that this one has in it.
DOCKER = shutil.which("docker", path="/usr/bin")
NEEDED = 10_000_000_000
ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"  # that the image is told it is built from


def lacking() -> str | None:
    """What this machine lacks, and how to get it; None where nothing."""
    if os.geteuid():
        return "a Docker engine is started here, which only root can"
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") < NEEDED:
        return f"needs {NEEDED / 1e9:.0f} GB of memory: images lie in it, and one container may take 3 GB"
    if not DOCKER or any(shutil.which(name) is None for name in ("dockerd", "mmdebstrap")):
        return "needs an engine and a Debian: apt-get install --no-install-recommends docker.io mmdebstrap"
    return None


class Engine:
    """dockerd in `folder`. Containers have the host's network or none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # The images are 80,000 files: on a disk it can take more than a minute to remove them.
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6g", "tmpfs", str(self.folder)], check=True)
        folders = [f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec"]
        network = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["dockerd", *folders, *network, f"--pidfile={self.folder}/docker.pid", "-H", self.host],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 300
        while self.docker("info", check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dockerd did not start:\n{(self.folder / 'log').read_text()[-3000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End its containers and itself, and leave neither a mount nor a file."""
        if self.process is None:
            return
        if left := self.docker("ps", "-aq", check=False).stdout.split():
            self.docker("rm", "-f", "-v", *left, check=False)
        self.process.terminate()
        self.process.wait(60)
        self.process = None
        # The engine leaves mounts below its folder.
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if f"{line.split()[1]}/".startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", line.split()[1]], check=True)
        self.folder.rmdir()

    def docker(self, *words: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        """`docker` with `words`; what it wrote is in the error where it fails."""
        environ = {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"}
        done = subprocess.run([str(DOCKER), *words], env=environ, capture_output=True, text=True, **more)
        if check and done.returncode:
            raise AssertionError(f"docker {' '.join(words)} gave {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def build(self, tag: str, context: str, *words: str, text: str | None = None, **arguments: str) -> None:
        """Build `context`, or the Dockerfile `text` where it is "-", with build `arguments`."""
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        self.docker("build", "--network=host", "--progress=plain", *given, "-t", tag, *words, context, input=text)

    def inspect(self, what: str, form: str) -> str:
        """The answer of `docker inspect` in the Go template `form`."""
        return self.docker("inspect", "-f", form, what).stdout.strip()


@contextmanager
def running(folder: Path) -> Iterator[Engine]:
    """An engine in `folder`, which is removed at the end."""
    engine = Engine(folder)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


def variables(values: Mapping[str, str]) -> list[str]:
    """`values` as words of `docker run`."""
    return [word for name, value in values.items() for word in ("-e", f"{name}={value}")]
