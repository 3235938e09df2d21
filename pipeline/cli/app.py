"""The command `taxiway`. A verb imports what it needs when it runs, so that help is instant."""

from __future__ import annotations

import atexit
import gc
import json
import os
import shlex
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pipeline.cli import program
from pipeline.cli.export import export
from pipeline.cli.kubeflow import kubeflow
from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.cli.predict import predict, status
from pipeline.cli.registry import registry
from pipeline.cli.report import report
from pipeline.cli.schema import schema
from pipeline.cli.serve import serve
from pipeline.cli.size import size
from pipeline.errors import (
    READ_THE_LOG,
    DataRefused,
    InfrastructureError,
    NotBlessed,
    TaxiwayError,
    UsageError,
    in_a_line,
)
from pipeline.settings.engines import ENGINES, Engine

if TYPE_CHECKING:
    from pipeline.settings.beam import BeamSettings

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="taxiway")
def taxiway() -> None:
    """Take a model from data to take-off.

    Exit codes: 0 done, 2 usage, 3 data refused, 4 model not blessed, 5 infrastructure.
    """


@taxiway.command()
@settings_option
@workspace_option
@click.option("--span", type=int, help="Evaluate on this span.  [default: the newest]")
@click.option("--window", type=click.IntRange(min=1), help="Train on this many earlier spans.")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help="Where Beam's work is done, whatever the settings say.",
)
@click.option("--tune", is_flag=True, help="Search for better training settings first.")
@click.option(
    "--warm-start", is_flag=True, help="Go on from the weights of the latest blessed model."
)
@json_option
def run(
    settings_file: Path | None,
    workspace: Path | None,
    span: int | None,
    window: int | None,
    engine: Engine | None,
    tune: bool,
    warm_start: bool,
    as_json: bool,
) -> None:
    """Run the pipeline; publish the model when it is blessed."""
    from pipeline.cli.display import Display
    from pipeline.cli.terminal import library_output_to, new_log
    from pipeline.local import runner

    if tune and warm_start:
        raise UsageError(
            "--tune and --warm-start exclude each other: the Tuner chooses a network of another "
            "shape than the weights of the latest blessed model have.",
            "leave one of them out",
        )
    settings = load(settings_file, workspace)
    chosen = {"span": span, "window": window}
    source = settings.source.model_copy(
        update={name: value for name, value in chosen.items() if value is not None}
    )
    beam = _on(settings.beam, engine) if engine else settings.beam
    settings = settings.model_copy(update={"source": source, "beam": beam})
    data = {"--settings": settings_file, "--workspace": workspace}
    asked = {**data, "--span": span, "--window": window}
    words = [str(word) for pair in asked.items() if pair[1] is not None for word in pair]
    schema_diff = shlex.join(["taxiway", "schema", "diff", *words])
    log_file = new_log(settings.workspace, runner.new_run_id())
    try:
        with library_output_to(log_file) as terminal:
            display = Display(terminal)
            observer = _Silent() if as_json else display
            result = runner.run(settings, observer, tune, warm_start, log_file, schema_diff)
            if not as_json:
                display.summary(result, shlex.join([program.name(), *sys.argv[1:]]))
    except TaxiwayError as error:
        error.log_file = log_file
        raise
    except BrokenPipeError:  # whoever read the display went away
        raise
    except Exception as error:
        raise _unexpected(error, log_file) from error
    if as_json:
        click.echo(result.model_dump_json(indent=2))


def _on(beam: BeamSettings, engine: Engine) -> BeamSettings:
    from pydantic import ValidationError

    from pipeline.settings.explain import explain

    try:
        return beam.all_on(engine)
    except ValidationError as error:
        raise UsageError(f"--engine {engine}: {explain(error, type(beam))}") from error


@taxiway.command()
@settings_option
@click.option("--schema", is_flag=True, help="Print the JSON schema of a settings file.")
def settings(settings_file: Path | None, schema: bool) -> None:
    """Print the settings in force, as a commented settings file."""
    from pipeline.settings import loading, rendering

    if schema:
        click.echo(rendering.json_schema())
    else:
        click.echo(rendering.as_toml(loading.load_plain(settings_file)), nl=False)


@taxiway.command()
@settings_option
@workspace_option
@json_option
def doctor(settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Check that this machine has what a run needs.

    The exit code is that of the first thing that is missing: what a run would end with.
    """
    from pipeline.cli import doctor as module

    checks = module.machine()
    try:
        checks += module.project(load(settings_file, workspace))
    except UsageError as error:
        checks.append(module.not_as_needed("settings", error))
    click.echo(module.as_json(checks) if as_json else module.as_table(checks))
    sys.exit(next((check.exit_code for check in checks if not check.passed), 0))


taxiway.add_command(export)
taxiway.add_command(registry)
taxiway.add_command(schema)
taxiway.add_command(serve)
taxiway.add_command(predict)
taxiway.add_command(status)
taxiway.add_command(report)
taxiway.add_command(kubeflow)
taxiway.add_command(size)


class _Silent:
    def started(self, name: str) -> None:
        pass

    def finished(self, step: Any) -> None:
        pass


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit; no traceback is the last thing a user sees.

    Args:
      arguments: words after the command's name; by default this process's.
    """
    # Looking for garbage among the libraries' million objects once more takes 2 s at exit.
    atexit.register(gc.freeze)
    words = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in words
    try:
        taxiway.main(words, prog_name="taxiway", standalone_mode=False)
    except click.ClickException as error:
        if not as_json:
            error.show()
            sys.exit(UsageError.exit_code)
        _stop_json(UsageError(error.format_message(), "taxiway --help"))
    except click.Abort:  # what click makes of Ctrl-C
        again = shlex.join([program.name(), *words])
        _stop_interrupted(again, as_json)
    except TaxiwayError as error:
        _stop(error, as_json)
    except Exception as error:
        unexpected = _unexpected(error, _log_outside_workspace())
        unexpected.__cause__ = error
        _stop(unexpected, as_json)
    sys.exit(0)


def _unexpected(error: Exception, log_file: Path) -> InfrastructureError:
    unexpected = InfrastructureError(
        f"something unexpected went wrong: {in_a_line(error)}", READ_THE_LOG
    )
    unexpected.log_file = log_file
    return unexpected


def _log_outside_workspace() -> Path:
    handle, name = tempfile.mkstemp(prefix="taxiway-", suffix=".log")
    os.close(handle)
    return Path(name)


def _stop(error: TaxiwayError, as_json: bool) -> NoReturn:
    _log_traceback(error)
    if as_json:
        _stop_json(error)
    click.secho(f"Stopped: {error.what}", fg="red", err=True)
    if isinstance(error, NotBlessed):
        for reason in error.reasons:
            click.echo(f"  {reason}", err=True)
    if isinstance(error, DataRefused):
        from pipeline.cli.display import show_refusal

        show_refusal(error)
    if error.next_step:
        click.echo(f"Next   {program.as_typed(error.next_step)}", err=True)
    if error.report:
        click.echo(f"Report {error.report}", err=True)
    if error.log_file:
        click.echo(f"Log    {error.log_file}", err=True)
    sys.exit(error.exit_code)


def _stop_json(error: TaxiwayError) -> NoReturn:
    content: dict[str, Any] = {
        "error": error.what,
        "next": program.as_typed(error.next_step),
        "exit_code": error.exit_code,
        "log_file": error.log_file and str(error.log_file),
        "report": error.report and str(error.report),
    }
    if isinstance(error, NotBlessed):
        content["reasons"] = list(error.reasons)
    if isinstance(error, DataRefused):
        content["findings"] = [asdict(finding) for finding in error.findings]
        content["quarantine"] = error.quarantine and str(error.quarantine)
    click.echo(json.dumps(content))
    sys.exit(error.exit_code)


def _stop_interrupted(again: str, as_json: bool) -> NoReturn:
    what = "Interrupted."
    if as_json:
        click.echo(json.dumps({"error": what, "next": again, "exit_code": _INTERRUPTED}))
    else:
        click.echo(f"{what} Continue with:  {again}", err=True)
    sys.exit(_INTERRUPTED)


def _log_traceback(error: TaxiwayError) -> None:
    """Keep where an error came from, for whoever reads the log."""
    if error.log_file is None or error.__cause__ is None:
        return
    import traceback

    # A full disk must not hide the error from the user.
    with suppress(OSError), error.log_file.open("a", encoding="utf-8") as log:
        traceback.print_exception(type(error), error, error.__traceback__, file=log)
