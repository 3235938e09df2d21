"""Options for the address of a model server, and the client that calls it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.cli.terminal import library_output_to, silence_libraries
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from serving.client import Client

_DEFAULT_REST = "http://127.0.0.1:8501"
_REST = re.compile(r"https?://[^/\s]+(/\S*)?")
_GRPC = re.compile(r"unix:\S+|[^/\s]+:\d+")

_Command = TypeVar("_Command", bound=Callable[..., Any])


def address_options(command: _Command) -> _Command:
    """Add the options --rest, --grpc and --model to a command.

    Args:
      command: the command's function.
    """
    for option in (
        click.option("--model", help="Name of the model.  [default: the settings' name]"),
        click.option("--grpc", help="gRPC address, such as 127.0.0.1:8500; replaces --rest."),
        click.option("--rest", default=_DEFAULT_REST, show_default=True, help="REST address."),
    ):
        command = option(command)
    return command


def check(rest: str | None, grpc: str | None) -> None:
    """Refuse strings that cannot be addresses.

    Args:
      rest: REST address; None when the option is not given.
      grpc: gRPC address; None when the option is not given.

    Raises:
      UsageError: one of them is not an address.
    """
    if rest is not None and not _REST.fullmatch(rest):
        raise UsageError(f"--rest: expected an address such as {_DEFAULT_REST}, got {rest}.")
    if grpc is not None and not _GRPC.fullmatch(grpc):
        raise UsageError(f"--grpc: expected an address such as 127.0.0.1:8500, got {grpc}.")


@contextmanager
def connect(rest: str, grpc: str | None, model: str, **options: Any) -> Iterator[Client]:
    """Yield a client of a model server; raise its errors as Taxiway's own.

    Args:
      rest: REST address, used when there is no gRPC address.
      grpc: gRPC address; None to use REST.
      model: name of the model.
      **options: further arguments of `Client`.

    Raises:
      UsageError: an address is malformed, or the server has no such model.
      InfrastructureError: the server does not answer or fails.
    """
    from pipeline.registry.errors import as_cli_errors
    from serving.client import Client

    check(rest, grpc)
    if grpc:
        silence_libraries()
        # gRPC needs TensorFlow, whose newer releases ignore the setting that silences them.
        with library_output_to(Path(os.devnull)):
            client = Client.grpc(grpc, model, **options)
    else:
        client = Client.rest(rest, model, **options)
    try:
        with as_cli_errors():
            yield client
    finally:
        client.close()
