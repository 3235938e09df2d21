"""The command `taxiway`: its group and its entry point.

A command imports what it needs when it runs, so that help is instant.
"""

from __future__ import annotations

import atexit
import gc
import sys
from typing import NoReturn

import click

from pipeline.cli import failures
from pipeline.cli.doctor import doctor
from pipeline.cli.export import export
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
    run, settings, doctor, export, registry, schema, serve, predict, status, report, kubeflow, size,
):  # fmt: skip
    taxiway.add_command(command)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit; a traceback goes to a log, never to the terminal.

    Args:
      arguments: command-line arguments after the program's name; default those of this process.

    Raises:
      SystemExit: always, with the exit code of the command.
    """
    # A last garbage collection over the libraries' million objects would take 2 s at exit.
    atexit.register(gc.freeze)
    args = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in args
    try:
        taxiway.main(args, prog_name="taxiway", standalone_mode=False)
    except click.ClickException as error:
        if not as_json:
            error.show()
            sys.exit(UsageError.exit_code)
        failures.stop(UsageError(error.format_message(), "taxiway --help"), as_json)
    except click.Abort:  # click raises it for Ctrl-C
        failures.stop_interrupted(args, as_json)
    except TaxiwayError as error:
        failures.stop(error, as_json)
    except Exception as error:
        unexpected = failures.unexpected(error, failures.new_log_outside_workspace())
        unexpected.__cause__ = error
        failures.stop(unexpected, as_json)
    sys.exit(0)
