"""Ports for servers that a command or a test starts."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of the loopback interface on which no process listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
