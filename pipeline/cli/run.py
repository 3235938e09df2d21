"""`taxiway run`: the whole pipeline on this machine."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from pipeline.cli import failures, program
from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import TaxiwayError
from pipeline.settings.engines import ENGINES, Engine


@click.command()
@settings_option
@workspace_option
@click.option(
    "--span", type=click.IntRange(min=1), help="Span to evaluate on.  [default: the newest]"
)
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
@click.option(
    "--no-baseline",
    is_flag=True,
    help="Publish without a comparison with the latest blessed model: a fresh start.",
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
    no_baseline: bool,
    as_json: bool,
) -> None:
    """Run the pipeline; publish the model when it is blessed."""
    from pipeline.cli.deaths import announced
    from pipeline.cli.display import Display
    from pipeline.cli.terminal import library_output_to, new_log
    from pipeline.local import runner
    from pipeline.orchestration.options import RunOptions

    settings = load(settings_file, workspace)
    options = RunOptions(
        span=span, window=window, engine=engine, tune=tune, warm_start=warm_start,
        no_baseline=no_baseline, settings_file=settings_file, workspace=workspace,
    )  # fmt: skip
    log_file = new_log(settings.workspace, runner.new_run_id())
    try:
        with announced(), library_output_to(log_file) as terminal:
            display = Display(terminal)
            observer = _SilentObserver() if as_json else display
            result = runner.run(settings, observer, options, log_file)
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


class _SilentObserver:
    def started(self, name: str) -> None:
        pass

    def finished(self, step: Any) -> None:
        pass
