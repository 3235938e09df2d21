"""Addresses of model servers, as the command line takes them."""

from __future__ import annotations

import re

from pipeline.errors import UsageError

_REST = re.compile(r"https?://[^/\s]+(/\S*)?")
_GRPC = re.compile(r"unix:\S+|[^/\s]+:\d+")


def check(rest: str | None, grpc: str | None) -> None:
    """Refuse what can be no address.

    Args:
      rest: of REST, when given.
      grpc: of gRPC, when given.

    Raises:
      UsageError: one is not.
    """
    if rest is not None and not _REST.fullmatch(rest):
        raise UsageError(f"--rest {rest}: an address such as http://127.0.0.1:8501 expected.")
    if grpc is not None and not _GRPC.fullmatch(grpc):
        raise UsageError(f"--grpc {grpc}: an address such as 127.0.0.1:8500 expected.")
