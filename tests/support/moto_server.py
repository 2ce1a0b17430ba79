"""AWS on this machine, as moto plays it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

# What a client needs beside the address, so that it asks nobody else.
_ACCESS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def moto_server() -> Iterator[str]:
    """The address of a server of moto's own."""
    from moto.server import ThreadedMotoServer  # takes a second, and few tests of a file need it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def point_clients(monkeypatch: pytest.MonkeyPatch, variable: str, address: str) -> None:
    """Have AWS's clients ask the server at `address`, which the environment names by `variable`."""
    for name, value in {variable: address, **_ACCESS}.items():
        monkeypatch.setenv(name, value)
