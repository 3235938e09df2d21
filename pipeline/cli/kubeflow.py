"""`taxiway kubeflow`: the same pipeline on Kubeflow Pipelines."""

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

_LOOK_SECONDS = 5.0

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group()
def kubeflow() -> None:
    """Take the pipeline to Kubeflow Pipelines."""


host_option = click.option("--host", help="Address of KFP's API, instead of the settings' own.")


def run_options(command: _Command) -> _Command:
    """Add the options of what whoever starts a run may choose."""
    for option in (
        click.option("--warm-start", is_flag=True, help="Go on from the latest blessed model."),
        click.option("--tune", is_flag=True, help="Search for better training settings first."),
        click.option("--data-root", help="Folder of the source's files, as tasks see it."),
        click.option("--window", type=click.IntRange(min=1), help="Train on this many spans."),
        click.option("--span", type=int, help="Evaluate on this span.  [default: the newest]"),
    ):
        command = option(command)
    return command


@kubeflow.command("compile", short_help="Write the pipeline as a package for Kubeflow.")
@settings_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; - for the terminal.  [default: the pipeline's name with .yaml]",
)
@json_option
def compile_(settings_file: Path | None, output: Path | None, as_json: bool) -> None:
    """Write the pipeline as a package for open-source Kubeflow Pipelines 2.

    It needs no cluster and no network. Upload the file in KFP's user interface, or `submit`.
    """
    from pipeline.settings import loading

    package = _compiled(settings_file)
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
@click.option("--wait", is_flag=True, help="Stay until it has ended, and tell how far it is.")
@json_option
def submit(
    settings_file: Path | None, host: str | None, wait: bool, as_json: bool, **chosen: Any
) -> None:
    """Compile the pipeline and start a run of it.

    Exit code 5 when --wait was given and the run did not succeed.
    """
    settings, client = _client(settings_file, host)
    package = _compiled(settings_file)
    made = client.submit(package, f"{settings.name} {_now()}", _parameters(chosen))
    if not as_json:
        click.echo(f"Run {made.id}\n{made.link}")
    if not wait:
        if as_json:
            click.echo(json.dumps(asdict(made)))
        return
    ended = _wait(client, made.id, _names(package), quiet=as_json)
    if as_json:
        click.echo(json.dumps(asdict(ended) | {"link": made.link}))
    if ended.state != "SUCCEEDED":
        failed = [name for name in _names(package) if ended.tasks.get(name) == "FAILED"]
        raise InfrastructureError(
            f"the run {ended.state.lower()}"
            + (f" in {', '.join(failed)}" if failed else "")
            + (f": {ended.error}" if ended.error else "")
            + ".",
            f"look at the pages of its tasks: {made.link}",
        )


@kubeflow.command(short_help="Let runs start by themselves.")
@settings_option
@host_option
@run_options
@click.option(
    "--cron",
    required=True,
    help="When, with seconds first: '0 0 6 2 * *' is 6 o'clock on the 2nd of each month.",
)
@json_option
def schedule(
    settings_file: Path | None, host: str | None, cron: str, as_json: bool, **chosen: Any
) -> None:
    """Compile the pipeline and let runs of it start by themselves, one at a time."""
    if len(cron.split()) != 6:
        raise UsageError(
            f"--cron {cron!r}: six fields are needed: second, minute, hour, day, month, weekday.",
            "taxiway kubeflow schedule --cron '0 0 6 2 * *'",
        )
    settings, client = _client(settings_file, host)
    made = client.schedule(_compiled(settings_file), settings.name, _parameters(chosen), cron)
    click.echo(json.dumps(asdict(made)) if as_json else f"Recurring run {made.id}\n{made.link}")


@kubeflow.command()
@click.argument("run")
@settings_option
@host_option
@json_option
def status(run: str, settings_file: Path | None, host: str | None, as_json: bool) -> None:
    """Show how far RUN is: KFP's id, as `submit` printed it."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", run):
        raise UsageError(f"{run!r} is no id of a run.", "taxiway kubeflow submit")
    _, client = _client(settings_file, host)
    found = client.state(run)
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    click.echo(f"{found.state}  {found.name}" + (f": {found.error}" if found.error else ""))
    for name, state in found.tasks.items():
        click.echo(f"  {state:<10} {name}")


def _client(settings_file: Path | None, host: str | None) -> tuple[Settings, Client]:
    from pipeline.kubeflow.client import Client
    from pipeline.settings import loading

    settings = loading.load(settings_file)
    kubeflow = settings.kubeflow.model_copy(update={"host": host} if host else {})
    return settings, Client(kubeflow, os.environ)


def _compiled(settings_file: Path | None) -> Package:
    from pipeline.cli.terminal import library_output_to
    from pipeline.kubeflow.compiler import resources
    from pipeline.settings import loading

    plain, here = loading.load_plain(settings_file), loading.load(settings_file)
    resources.image_of(here.kubeflow)
    handle, log = tempfile.mkstemp(prefix="taxiway-", suffix=".log")
    os.close(handle)
    try:
        with library_output_to(Path(log)):  # TFX and TensorFlow talk while they are imported
            from pipeline.kubeflow.compiler.compilation import compile_package

            package = compile_package(here, plain)
    except TaxiwayError:
        raise
    except Exception as error:
        raise UsageError(
            f"the pipeline cannot be compiled: {error}; {log} says more.", "taxiway doctor"
        ) from error
    Path(log).unlink()
    return package


def _parameters(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return what was chosen, by the names that a package has for it."""
    if chosen["tune"] and chosen["warm_start"]:
        raise UsageError("--tune and --warm-start exclude each other.", "leave one of them out")
    return {name: value for name, value in chosen.items() if value not in (None, False)}


def _names(package: Package) -> list[str]:
    tasks = package.pipeline["components"]["comp-pipeline"]["dag"]["tasks"]
    return [*tasks, "record"]


def _wait(client: Client, run_id: str, names: list[str], quiet: bool) -> State:
    told: dict[str, str] = {}
    while True:
        found = client.state(run_id)
        for name in names:
            state = found.tasks.get(name)
            if state and told.get(name) != state:
                told[name] = state
                if not quiet:
                    click.echo(f"{state:<10} {name}")
        if found.ended:
            return found
        time.sleep(_LOOK_SECONDS)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime())


def _write(file: Path, text: str) -> None:
    from serving.storage import local

    try:
        local.replace_file(file, text)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}.") from error
