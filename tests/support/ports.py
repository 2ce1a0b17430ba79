"""Ports of the loopback."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress


def free_port() -> int:
    """One that nobody listens on, and that the kernel gives to nobody who connects: it stays free until it is used."""
    while True:
        port = 10_000 + secrets.randbelow(10_000)
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Whether somebody listens on it."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
