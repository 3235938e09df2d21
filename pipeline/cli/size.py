"""`taxiway size`: the machines that a served model requires."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import addresses
from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import InfrastructureError, UsageError
from pipeline.orchestration.interrupts import deferred_interrupts
from pipeline.runs.progress import Step

if TYPE_CHECKING:
    from pipeline.cli.display import Display
    from pipeline.serving_tools.sizing import Target

# The keys of `pipeline.serving_tools.sizing.SERVERS`, which is too slow to import for help.
_BACKENDS = ("local", "tensorflow_model_server", "docker")


class _Numbers(click.ParamType[tuple[int, ...]]):
    name = "numbers"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(dict.fromkeys(int(text) for text in str(value).split(",")))
        except ValueError:
            self.fail(f"expected integers separated by commas, such as 1,8,32, got {value!r}")
        if min(numbers) < 1:
            self.fail(f"expected integers of at least 1, got {value!r}")
        return numbers


@click.command(short_help="Measure what machines a served model requires.")
@click.option(
    "--protocol", type=click.Choice(["grpc", "rest"]), help="Protocol to measure.  [default: both]"
)
@click.option(
    "--batch", type=_Numbers(), default="1,8,32", show_default=True, help="Rows per request."
)
@click.option(
    "--concurrency", type=_Numbers(), default="1,4,16", show_default=True,
    help="Numbers of concurrent clients.",
)  # fmt: skip
@click.option(
    "--latency-target", type=click.FloatRange(0, min_open=True), default=50.0, show_default=True,
    help="Maximum p99 latency in milliseconds.",
)  # fmt: skip
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True),
    help="Total rows per second to serve; sets the number of replicas.",
)  # fmt: skip
@click.option(
    "--headroom", type=click.FloatRange(0, 0.95), default=0.3, show_default=True,
    help="Fraction of a replica's capacity to leave free.",
)  # fmt: skip
@click.option(
    "--repeat", type=click.IntRange(2), default=3, show_default=True,
    help="Number of measurements per cell of the grid.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=2.0, show_default=True,
    help="Duration of a measurement in seconds.",
)  # fmt: skip
@click.option("--rest", help="REST address of a running server, such as http://127.0.0.1:8501.")
@click.option("--grpc", help="gRPC address of a running server, such as 127.0.0.1:8500.")
@click.option(
    "--pid", type=int,
    help="Process id of the running server on this machine; adds its CPU and memory.",
)  # fmt: skip
@click.option("--model", help="Name of the model.  [default: the settings' name]")
@click.option(
    "--csv", "file", type=click.Path(dir_okay=False, path_type=Path),
    help="CSV, Parquet or JSON-lines file of rows.  [default: the newest run's eval split]",
)  # fmt: skip
@click.option(
    "--backend", type=click.Choice(_BACKENDS), default="local", show_default=True,
    help="Server to start, as in `taxiway serve`.",
)  # fmt: skip
@click.option(
    "--cpus", type=click.IntRange(1),
    help="Number of CPUs for the server.  [default: all but the load generator's]",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Measure although other processes keep the CPUs busy.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the results.  [default: a new one in the workspace]",
)  # fmt: skip
@settings_option
@workspace_option
@json_option
def size(
    protocol: str | None,
    batch: tuple[int, ...],
    concurrency: tuple[int, ...],
    latency_target: float,
    rate: float | None,
    headroom: float,
    repeat: int,
    seconds: float,
    rest: str | None,
    grpc: str | None,
    pid: int | None,
    model: str | None,
    file: Path | None,
    backend: str,
    cpus: int | None,
    force: bool,
    output: Path | None,
    settings_file: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Measure the load that a served model takes, and recommend machines for it.

    The command starts the version with the alias stable, else the newest, or calls the server at
    --rest and --grpc. It sends real rows over a grid of batches and clients, and writes a table, a
    plot, and patches for Kubernetes. It recommends nothing when the repeats differ too much.
    """
    from pipeline.cli.display import Display
    from pipeline.cli.terminal import library_output_to, new_log
    from pipeline.registry.errors import as_cli_errors
    from pipeline.serving_tools import sizing
    from serving.sizing.results import files
    from serving.sizing.results.result import SizingRequest

    settings = load(settings_file, workspace)
    target = sizing.Target(rest, grpc, pid, backend, cpus)
    request = SizingRequest(
        protocols=_protocols(protocol, target),
        batches=tuple(sorted(batch)),
        concurrencies=tuple(sorted(concurrency)),
        repeats=repeat,
        seconds=seconds,
        target_ms=latency_target,
        rate=rate,
        headroom=headroom,
    )
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    folder = (output or settings.workspace / "sizing" / stamp).absolute()
    log_file = new_log(settings.workspace, f"size-{stamp}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    try:
        with (
            as_cli_errors(log_file),
            deferred_interrupts(),  # the server must not outlive this process
            library_output_to(log_file) as terminal,
        ):
            observer = _Observer(None if as_json else Display(terminal))
            result = sizing.measure(settings, target, model, file, request, folder, force, observer)
            written = files.write(result, folder)
            if not as_json:
                from pipeline.cli.tables.size import show

                show(result, written, terminal)
    except OSError as error:
        raise InfrastructureError(f"{error.filename or ''}: {error.strerror}.") from error
    if result.refused:
        failure = InfrastructureError(
            f"no machine is recommended because {'; '.join(result.refused)}.",
            "repeat the command on an idle machine, or change --seconds, --batch, --concurrency "
            "or --latency-target",
        )
        failure.report, failure.log_file = folder / files.FIGURES, log_file
        raise failure
    if as_json:
        click.echo(result.model_dump_json(indent=2))


class _Observer:
    """Show steps as `taxiway run` does, or nothing without a display."""

    def __init__(self, display: Display | None) -> None:
        self._display = display

    def started(self, name: str) -> None:
        if self._display is not None:
            self._display.started(name)

    def finished(self, name: str, seconds: float, decision: str) -> None:
        if self._display is not None:
            self._display.finished(Step(name, "done", seconds, decision))

    def failed(self, name: str, seconds: float) -> None:
        if self._display is not None:
            self._display.finished(Step(name, "failed", seconds))


def _protocols(protocol: str | None, target: Target) -> tuple[str, ...]:
    addresses.check(target.rest, target.grpc)
    available = tuple(target.addresses) or ("grpc", "rest")
    if protocol is None:
        return available
    if protocol not in available:
        raise UsageError(f"--protocol {protocol} requires an address with --{protocol}.")
    return (protocol,)
