"""Addresses that the server listens on, and why one of them cannot be used."""

from __future__ import annotations

import errno
import socket
from typing import Literal

Protocol = Literal["gRPC", "REST"]

# The flag of the port, and what port 0 means.
_FLAGS: dict[Protocol, tuple[str, str]] = {
    "gRPC": ("--port", "for any free port"),
    "REST": ("--rest_api_port", "for no REST"),
}


class AddressUnusable(Exception):
    """An address that the server cannot listen on.

    Args:
      protocol: protocol of the address.
      host: address of an interface of this machine, as the flag states it.
      port: number of the port.
      error: why the system refuses it.
    """

    def __init__(self, protocol: Protocol, host: str, port: int, error: OSError) -> None:
        self.in_use = error.errno == errno.EADDRINUSE
        flag, zero = _FLAGS[protocol]
        reason = (
            "because another process uses this port"
            if self.in_use
            else f"because the system refuses it: {error.strerror or error}"
        )
        super().__init__(f"cannot serve {protocol} on {host}:{port} {reason}")
        self.next_step = f"pass another port with {flag}, or {flag}=0 {zero}"
        if not self.in_use:
            self.next_step = f"pass another {flag} or --bind_address"


def bind(protocol: Protocol, host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address and refuses connections until it listens.

    Args:
      protocol: protocol of the address, for the error.
      host: address of an interface of this machine.
      port: number of the port; 0 for any free one.

    Raises:
      AddressUnusable: the system refuses the address.
    """
    bound = socket.socket()
    try:
        # An earlier server's closed connections keep its port for a minute.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise AddressUnusable(protocol, host, port, error) from error
    return bound
