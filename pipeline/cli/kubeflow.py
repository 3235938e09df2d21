"""`taxiway kubeflow`: the pipeline on Kubeflow Pipelines."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.cli.options import json_option, settings_option
from pipeline.errors import InfrastructureError, TaxiwayError, UsageError

if TYPE_CHECKING:
    from pipeline.kubeflow.client import Client, State
    from pipeline.kubeflow.compiler.package import Package
    from pipeline.settings.sections import Settings

_POLL_SECONDS = 5.0

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group()
def kubeflow() -> None:
    """Compile, submit and schedule the pipeline on Kubeflow Pipelines."""


host_option = click.option("--host", help="Address of KFP's API; overrides the settings.")


def run_options(command: _Command) -> _Command:
    """Add the options of a run to a command.

    Args:
      command: the command's function.
    """
    for option in (
        click.option(
            "--no-baseline",
            is_flag=True,
            help="Publish without a comparison with the latest blessed model: a fresh start.",
        ),
        click.option(
            "--warm-start", is_flag=True, help="Start from the weights of the latest blessed model."
        ),
        click.option(
            "--tune", is_flag=True, help="Search for better hyperparameters before training."
        ),
        click.option("--data-root", help="Folder of the source's files in the containers."),
        click.option(
            "--window",
            type=click.IntRange(min=1),
            help="Number of earlier spans to train on.  [default: the settings' source.window]",
        ),
        click.option("--span", type=int, help="Span to evaluate on.  [default: the newest]"),
    ):
        command = option(command)
    return command


@kubeflow.command("compile", short_help="Compile the pipeline to a package for Kubeflow.")
@settings_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; - for standard output.  [default: the pipeline's name with .yaml]",
)
@json_option
def compile_(settings_file: Path | None, output: Path | None, as_json: bool) -> None:
    """Compile the pipeline to a package for open-source Kubeflow Pipelines 2.

    The command requires no cluster and no network. Upload the file in KFP's user interface, or
    start a run with `submit`.
    """
    from pipeline.settings import loading

    package = _compile(settings_file)
    text = package.to_yaml()
    if output == Path("-"):
        click.echo(text, nl=False)
        return
    file = output or Path(f"{loading.load_plain(settings_file).name}.yaml")
    _write(file, text)
    tasks = len(package.pipeline["deploymentSpec"]["executors"])
    if as_json:
        click.echo(json.dumps({"file": str(file), "tasks": tasks, "bytes": len(text.encode())}))
    else:
        click.echo(f"{file}: {tasks} tasks, {len(text.encode()) / 1e3:,.0f} kB")


@kubeflow.command()
@settings_option
@host_option
@run_options
@click.option("--wait", is_flag=True, help="Wait until the run ends, and show its progress.")
@json_option
def submit(
    settings_file: Path | None, host: str | None, wait: bool, as_json: bool, **parameters: Any
) -> None:
    """Compile the pipeline and start a run of it.

    With --wait, the exit code is 5 when the run does not succeed.
    """
    settings, client = _client(settings_file, host)
    package = _compile(settings_file)
    run = client.submit(package, f"{settings.name} {_now()}", _run_parameters(parameters))
    if not as_json:
        click.echo(f"Run {run.id}\n{run.link}")
    if not wait:
        if as_json:
            click.echo(json.dumps(asdict(run)))
        return
    ended = _wait(client, run.id, _task_names(package), quiet=as_json)
    if as_json:
        click.echo(json.dumps(asdict(ended) | {"link": run.link}))
    if ended.state != "SUCCEEDED":
        failed = [name for name in _task_names(package) if ended.tasks.get(name) == "FAILED"]
        raise InfrastructureError(
            f"the run {ended.state.lower()}"
            + (f" in {', '.join(failed)}" if failed else "")
            + (f": {ended.error}" if ended.error else "")
            + ".",
            f"open the pages of its tasks: {run.link}",
        )


@kubeflow.command(short_help="Start runs on a schedule.")
@settings_option
@host_option
@run_options
@click.option(
    "--cron",
    required=True,
    help="Cron expression with seconds first: '0 0 6 2 * *' is 6 o'clock on the 2nd of a month.",
)
@json_option
def schedule(
    settings_file: Path | None, host: str | None, cron: str, as_json: bool, **parameters: Any
) -> None:
    """Compile the pipeline and start runs of it on a schedule, one at a time."""
    if len(cron.split()) != 6:
        raise UsageError(
            f"--cron: expected second, minute, hour, day, month and weekday, got {cron!r}.",
            "taxiway kubeflow schedule --cron '0 0 6 2 * *'",
        )
    settings, client = _client(settings_file, host)
    recurring = client.schedule(
        _compile(settings_file), settings.name, _run_parameters(parameters), cron
    )
    click.echo(
        json.dumps(asdict(recurring))
        if as_json
        else f"Recurring run {recurring.id}\n{recurring.link}"
    )


@kubeflow.command()
@click.argument("run")
@settings_option
@host_option
@json_option
def status(run: str, settings_file: Path | None, host: str | None, as_json: bool) -> None:
    """Show the state of RUN, the id that `submit` printed, and of its tasks."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", run):
        raise UsageError(f"expected the id of a run, got {run!r}.", "taxiway kubeflow submit")
    _, client = _client(settings_file, host)
    current = client.state(run)
    if as_json:
        click.echo(json.dumps(asdict(current)))
        return
    error = f": {current.error}" if current.error else ""
    click.echo(f"{current.state}  {current.name}{error}")
    for name, state in current.tasks.items():
        click.echo(f"  {state:<10} {name}")


def _client(settings_file: Path | None, host: str | None) -> tuple[Settings, Client]:
    from pipeline.kubeflow.client import Client
    from pipeline.settings import loading

    settings = loading.load(settings_file)
    kubeflow = settings.kubeflow.model_copy(update={"host": host} if host else {})
    return settings, Client(kubeflow, os.environ)


def _compile(settings_file: Path | None) -> Package:
    from pipeline.cli.terminal import library_output_to
    from pipeline.kubeflow.compiler import resources
    from pipeline.settings import loading

    plain, settings = loading.load_plain(settings_file), loading.load(settings_file)
    resources.require_image(settings.kubeflow)
    handle, log = tempfile.mkstemp(prefix="taxiway-", suffix=".log")
    os.close(handle)
    try:
        with library_output_to(Path(log)):  # TFX and TensorFlow print while they are imported
            from pipeline.kubeflow.compiler.compile import compile_package

            package = compile_package(settings, plain)
    except TaxiwayError:
        raise
    except Exception as error:
        raise UsageError(
            f"cannot compile the pipeline: {error}; the log is {log}.", "taxiway doctor"
        ) from error
    Path(log).unlink()
    return package


def _run_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a run that are set, by the package's names of parameters."""
    if parameters["tune"] and parameters["warm_start"]:
        raise UsageError(
            "--tune and --warm-start exclude each other.", "remove one of the two options"
        )
    return {name: value for name, value in parameters.items() if value not in (None, False)}


def _task_names(package: Package) -> list[str]:
    tasks = package.pipeline["components"]["comp-pipeline"]["dag"]["tasks"]
    return [*tasks, "record"]


def _wait(client: Client, run_id: str, names: list[str], quiet: bool) -> State:
    shown: dict[str, str] = {}
    while True:
        current = client.state(run_id)
        for name in names:
            state = current.tasks.get(name)
            if state and shown.get(name) != state:
                shown[name] = state
                if not quiet:
                    click.echo(f"{state:<10} {name}")
        if current.ended:
            return current
        time.sleep(_POLL_SECONDS)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime())


def _write(file: Path, text: str) -> None:
    from serving.storage import local

    try:
        local.replace_file(file, text)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}.") from error
