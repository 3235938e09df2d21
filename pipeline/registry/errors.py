"""The errors of the version store, of sizing, of export and of the client, as Taxiway's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import InfrastructureError, NotBlessed, TaxiwayError, UsageError


@contextmanager
def as_cli_errors(log_file: Path | None = None) -> Iterator[None]:
    """Raise errors of the packages below `pipeline` as those that have an exit code.

    Args:
      log_file: the log to name in every error; default None, which leaves the error's own.

    Raises:
      UsageError: the version, the model or a program does not exist, or a signature cannot be
        exported.
      NotBlessed: the version must not be served, or its export answers differently.
      InfrastructureError: a folder, a server or the machine cannot be used.
    """
    try:
        yield
    except Exception as error:
        translated = _translate(error)
        if translated is None:
            raise
        translated.log_file = log_file or translated.log_file
        if translated is error:
            raise
        raise translated from error


def _translate(error: Exception) -> TaxiwayError | None:
    if isinstance(error, TaxiwayError):
        return error
    if not type(error).__module__.startswith("serving."):
        return None
    # Imported here, so that a command without such an error stays light.
    from serving.client.errors import ClientError, ModelNotFound
    from serving.errors import DamagedModel, StoreError, Unblessed, UnknownVersion
    from serving.onnx.errors import Disagrees, ExportError
    from serving.sizing.errors import SizingError, ToolMissing

    if isinstance(error, StoreError):
        store_error: type[TaxiwayError] = InfrastructureError
        if isinstance(error, UnknownVersion):
            store_error = UsageError
        elif isinstance(error, DamagedModel | Unblessed):
            store_error = NotBlessed
        return store_error(f"{error.where}: {error.what}.", error.next_step)
    if isinstance(error, SizingError):
        sizing_error = UsageError if isinstance(error, ToolMissing) else InfrastructureError
        return sizing_error(error.what, error.next_step)
    if isinstance(error, ExportError):
        export_error = NotBlessed if isinstance(error, Disagrees) else UsageError
        return export_error(f"{error.what}.", error.next_step)
    if isinstance(error, ModelNotFound):
        return UsageError(f"{error}", "taxiway status")
    if isinstance(error, ClientError):
        return InfrastructureError(f"{error}", "taxiway serve")
    return None
