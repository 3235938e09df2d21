"""The command `taxiway`: the group of all commands, and how each ends.

A command imports what it needs when it runs, so that help is instant.
"""

from __future__ import annotations

import atexit
import gc
import sys
from typing import NoReturn

import click

from pipeline.cli import failures, interruption
from pipeline.cli.doctor import doctor
from pipeline.cli.export import export
from pipeline.cli.init import init
from pipeline.cli.kubeflow import kubeflow
from pipeline.cli.predict import predict
from pipeline.cli.registry import registry
from pipeline.cli.report import report
from pipeline.cli.run import run
from pipeline.cli.schema import schema
from pipeline.cli.serve import serve
from pipeline.cli.settings import settings
from pipeline.cli.size import size
from pipeline.cli.status import status
from pipeline.errors import TaxiwayError, UsageError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="taxiway")
def taxiway() -> None:
    """Take a model from data to take-off.

    Exit codes: 0 done, 2 usage, 3 data refused, 4 model not blessed, 5 infrastructure.
    """


for command in (
    init, run, settings, doctor, export, registry, schema, serve, predict, status, report,
    kubeflow, size,
):  # fmt: skip
    taxiway.add_command(command)


def run_command(args: list[str]) -> NoReturn:
    """Run a command and exit; a traceback goes to a log, never to the terminal.

    Args:
      args: command-line arguments after the program's name.

    Raises:
      SystemExit: always, with the exit code of the command.
    """
    atexit.register(_skip_last_collection)
    try:
        taxiway.main(args, prog_name="taxiway", standalone_mode=False)
    except SystemExit:
        if not interruption.arrived():
            raise
    except Exception as error:
        # click raises Abort for Ctrl-C, and native code raises errors of its own.
        if isinstance(error, click.Abort) or interruption.arrived():
            raise KeyboardInterrupt from error
        _stop(error, "--json" in args)
    if interruption.arrived():  # native code dropped it just before the end
        raise KeyboardInterrupt
    sys.exit(0)


def _skip_last_collection() -> None:
    """Save the 2 s that a last garbage collection over the libraries' million objects takes."""
    version = getattr(sys.modules.get("duckdb"), "__version__", "0")
    # DuckDB 2 is built with nanobind, which prints everything that is left as a leak.
    if int(version.partition(".")[0]) < 2:
        gc.freeze()


def _stop(error: Exception, as_json: bool) -> NoReturn:
    if isinstance(error, click.ClickException):
        if not as_json:
            error.show()
            sys.exit(UsageError.exit_code)
        failures.stop(UsageError(error.format_message(), "taxiway --help"), as_json)
    if isinstance(error, TaxiwayError):
        failures.stop(error, as_json)
    unexpected = failures.unexpected(error, failures.new_log_outside_workspace())
    unexpected.__cause__ = error
    failures.stop(unexpected, as_json)
