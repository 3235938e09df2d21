"""`taxiway run`: the whole pipeline on this machine."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import failures, program
from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import TaxiwayError, UsageError
from pipeline.settings.engines import ENGINES, Engine

if TYPE_CHECKING:
    from pipeline.settings.beam import BeamSettings


@click.command()
@settings_option
@workspace_option
@click.option("--span", type=int, help="Span to evaluate on.  [default: the newest]")
@click.option(
    "--window",
    type=click.IntRange(min=1),
    help="Number of earlier spans to train on.  [default: the settings' source.window]",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help="Beam engine for this run; overrides the settings.",
)
@click.option("--tune", is_flag=True, help="Search for better hyperparameters before training.")
@click.option(
    "--warm-start", is_flag=True, help="Start from the weights of the latest blessed model."
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
            "--tune and --warm-start exclude each other because the Tuner may choose a network of "
            "another shape than the weights of the latest blessed model.",
            "remove one of the two options",
        )
    settings = load(settings_file, workspace)
    source_changes = {
        name: value for name, value in (("span", span), ("window", window)) if value is not None
    }
    source = settings.source.model_copy(update=source_changes)
    beam = _with_engine(settings.beam, engine) if engine else settings.beam
    settings = settings.model_copy(update={"source": source, "beam": beam})
    data_options = {
        "--settings": settings_file, "--workspace": workspace, "--span": span, "--window": window,
    }  # fmt: skip
    args = [
        str(arg) for option, value in data_options.items() if value is not None
        for arg in (option, value)
    ]  # fmt: skip
    schema_diff = shlex.join(["taxiway", "schema", "diff", *args])
    log_file = new_log(settings.workspace, runner.new_run_id())
    try:
        with library_output_to(log_file) as terminal:
            display = Display(terminal)
            observer = _SilentObserver() if as_json else display
            result = runner.run(settings, observer, tune, warm_start, log_file, schema_diff)
            if not as_json:
                display.summary(result, shlex.join([program.name(), *sys.argv[1:]]))
    except TaxiwayError as error:
        error.log_file = log_file
        raise
    except BrokenPipeError:  # the reader of standard output has exited
        raise
    except Exception as error:
        raise failures.unexpected(error, log_file) from error
    if as_json:
        click.echo(result.model_dump_json(indent=2))


def _with_engine(beam: BeamSettings, engine: Engine) -> BeamSettings:
    from pydantic import ValidationError

    from pipeline.settings.explain import explain

    try:
        return beam.all_on(engine)
    except ValidationError as error:
        raise UsageError(f"--engine {engine}: {explain(error, type(beam))}") from error


class _SilentObserver:
    def started(self, name: str) -> None:
        pass

    def finished(self, step: Any) -> None:
        pass
