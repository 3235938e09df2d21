"""`taxiway kubeflow`: the same pipeline on Kubeflow Pipelines."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click

from pipeline.errors import TaxiwayError, UsageError
from pipeline.options import json_option, settings_option


@click.group()
def kubeflow() -> None:
    """Take the pipeline to Kubeflow Pipelines."""


@kubeflow.command("compile")
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

    It needs no cluster and no network. Upload the file in KFP's user interface, or with its client.
    """
    from pipeline import settings as module
    from pipeline.kubeflow import resources
    from pipeline.terminal import library_output_to

    plain, here = module.load_plain(settings_file), module.load(settings_file)
    resources.image_of(here.kubeflow)
    handle, log = tempfile.mkstemp(prefix="taxiway-", suffix=".log")
    os.close(handle)
    try:
        with library_output_to(Path(log)):  # TFX and TensorFlow talk while they are imported
            from pipeline.kubeflow.compilation import compile_package

            package = compile_package(here, plain)
    except TaxiwayError:
        raise
    except Exception as error:
        raise UsageError(
            f"the pipeline cannot be compiled: {error}; {log} says more.", "taxiway doctor"
        ) from error
    Path(log).unlink()
    text = package.to_yaml()
    if output == Path("-"):
        click.echo(text, nl=False)
        return
    file = output or Path(f"{plain.name}.yaml")
    _write(file, text)
    tasks = len(package.pipeline["deploymentSpec"]["executors"])
    if as_json:
        click.echo(json.dumps({"file": str(file), "tasks": tasks, "bytes": len(text.encode())}))
    else:
        click.echo(f"{file}: {tasks} tasks, {len(text.encode()) / 1e3:,.0f} kB")


def _write(file: Path, text: str) -> None:
    unfinished = file.with_name(f".{file.name}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}.") from error
