"""Call what settings name, and say in our words when nothing answers."""

from __future__ import annotations

import ipaddress
import json
import socket
from typing import Any

from pipeline.errors import InfrastructureError

SECONDS = 10.0
# Kubernetes gives a pod 30 s to end in.
CANCEL_SECONDS = 3.0


def ask(name: str, kind: str, url: str, method: str = "GET", seconds: float = SECONDS) -> Any:
    """Return what a server answers in JSON.

    Args:
      name: of the setting that names it.
      kind: what it should be, in words.
      url: to ask.
      method: of HTTP.
      seconds: that it may take.

    Raises:
      InfrastructureError: nothing answers, or with an error, or not in JSON.
    """
    import urllib3

    place = url.split("/")[2]
    try:
        answer = urllib3.PoolManager().request(method, url, timeout=seconds, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise _nobody(name, place, error) from error
    if answer.status >= 400:
        raise InfrastructureError(
            f"{name}: {place} answers {method} {url.partition(place)[2]} with HTTP "
            f"{answer.status} {answer.reason}."
        )
    try:
        return json.loads(answer.data)
    except ValueError as error:
        raise somebody_else(name, kind, place) from error


def connect(name: str, place: str, next_step: str) -> None:
    """Make sure that somebody listens.

    Args:
      name: of the setting that names the place.
      place: host:port.
      next_step: what to do when nobody does.

    Raises:
      InfrastructureError: nobody does.
    """
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), SECONDS):
            pass
    except (OSError, OverflowError, UnicodeError) as error:
        raise _nobody(name, place, error, next_step) from error


def address_towards(name: str, place: str) -> str:
    """Return the address that this machine has for a server; nothing is sent.

    Args:
      name: of the setting that names the server.
      place: host:port.

    Raises:
      InfrastructureError: nobody has such a name.
    """
    host, _, port = place.rpartition(":")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as unsent:
            unsent.connect(address)
            return str(unsent.getsockname()[0])
    except (OSError, OverflowError, UnicodeError) as error:
        raise _nobody(name, place, error) from error


def is_here(place: str) -> bool:
    """Return whether host:port is on this machine's loopback."""
    host = place.rpartition(":")[0]
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def somebody_else(name: str, kind: str, place: str) -> InfrastructureError:
    """Return the error for an answer that is not what one of this kind answers."""
    return InfrastructureError(f"{name}: what answers at {place} is not {kind}.")


def _nobody(name: str, place: str, error: Exception, next_step: str = "") -> InfrastructureError:
    why = str(error).rpartition(": ")[2].rpartition("] ")[2] or type(error).__name__
    if "(" not in why:
        why = why.rstrip(")")  # of what stood before it
    return InfrastructureError(f"{name}: nothing answers at {place}: {why}.", next_step)
