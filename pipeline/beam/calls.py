"""Call the servers that settings name, and report which setting is wrong."""

from __future__ import annotations

import ipaddress
import json
import socket
from typing import Any

from pipeline.errors import InfrastructureError

SECONDS = 10.0
# Kubernetes gives a pod 30 s to end, so a call that cancels a job must be short.
CANCEL_SECONDS = 3.0


def request_json(
    setting: str, kind: str, url: str, method: str = "GET", timeout: float = SECONDS
) -> Any:
    """Return the JSON that a server answers.

    Args:
      setting: name of the setting that names the server.
      kind: expected kind of server, for the message of an error.
      url: URL to request.
      method: HTTP method; default `GET`.
      timeout: seconds to wait for the server; default 10.

    Raises:
      InfrastructureError: no server answers, or the answer is an error or not JSON.
    """
    import urllib3

    address = url.split("/")[2]
    try:
        response = urllib3.PoolManager().request(method, url, timeout=timeout, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise _no_answer(setting, address, error) from error
    if response.status >= 400:
        raise InfrastructureError(
            f"{setting}: {address} answers {method} {url.partition(address)[2]} with HTTP "
            f"{response.status} {response.reason}."
        )
    try:
        return json.loads(response.data)
    except ValueError as error:
        raise unexpected_service(setting, kind, address) from error


def check_connection(setting: str, address: str, next_step: str) -> None:
    """Check that a server accepts connections.

    Args:
      setting: name of the setting that names the server.
      address: address of the server: host:port.
      next_step: what the user should do if no server answers.

    Raises:
      InfrastructureError: no server answers.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), SECONDS):
            pass
    except (OSError, OverflowError, UnicodeError) as error:
        raise _no_answer(setting, address, error, next_step) from error


def local_address_for(setting: str, address: str) -> str:
    """Return the address of this machine that a server can call; nothing is sent.

    Args:
      setting: name of the setting that names the server.
      address: address of the server: host:port.

    Raises:
      InfrastructureError: the server's name cannot be resolved.
    """
    host, _, port = address.rpartition(":")
    try:
        candidates = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)
        family, kind, protocol, _, target = candidates[0]
        with socket.socket(family, kind, protocol) as unsent:
            unsent.connect(target)
            return str(unsent.getsockname()[0])
    except (OSError, OverflowError, UnicodeError) as error:
        raise _no_answer(setting, address, error) from error


def is_loopback(address: str) -> bool:
    """Return whether an address is on this machine's loopback interface.

    Args:
      address: host:port.
    """
    host = address.rpartition(":")[0]
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def unexpected_service(setting: str, kind: str, address: str) -> InfrastructureError:
    """Return the error for a server that is not of the expected kind.

    Args:
      setting: name of the setting that names the server.
      kind: expected kind of server.
      address: address of the server: host:port.
    """
    return InfrastructureError(f"{setting}: the server at {address} is not {kind}.")


def _no_answer(
    setting: str, address: str, error: Exception, next_step: str = ""
) -> InfrastructureError:
    reason = str(error).rpartition(": ")[2].rpartition("] ")[2] or type(error).__name__
    if "(" not in reason:
        reason = reason.rstrip(")")  # its opening parenthesis was cut off above
    return InfrastructureError(f"{setting}: nothing answers at {address}: {reason}.", next_step)
