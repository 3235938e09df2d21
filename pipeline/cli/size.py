"""`taxiway size`: how large a machine does a model need, and how many of them?"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import addresses
from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import InfrastructureError, UsageError
from pipeline.orchestration import interrupts
from pipeline.runs.progress import Step

if TYPE_CHECKING:
    from pipeline.cli.display import Display
    from pipeline.deploy.sizing import Where

# As in `pipeline.deploy.sizing`, which is too slow to import for help.
_BACKENDS = ("local", "tensorflow_model_server", "docker")


class _Numbers(click.ParamType[tuple[int, ...]]):
    name = "numbers"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            found = tuple(dict.fromkeys(int(word) for word in str(value).split(",")))
        except ValueError:
            self.fail(f"{value!r}: whole numbers with commas between expected, such as 1,8,32")
        if min(found) < 1:
            self.fail(f"{value!r}: numbers from 1 on expected")
        return found


@click.command(short_help="Measure what machines a served model needs.")
@click.option("--protocol", type=click.Choice(["grpc", "rest"]), help="Only this.  [default: both]")
@click.option(
    "--batch", type=_Numbers(), default="1,8,32", show_default=True, help="Rows of a request."
)
@click.option(
    "--concurrency", type=_Numbers(), default="1,4,16", show_default=True, help="Clients."
)
@click.option(
    "--latency-target", type=click.FloatRange(0, min_open=True), default=50.0, show_default=True,
    help="Milliseconds within which 99 of 100 requests are to be answered.",
)  # fmt: skip
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True),
    help="Rows a second to answer altogether, for the number of replicas.",
)  # fmt: skip
@click.option(
    "--headroom", type=click.FloatRange(0, 0.95), default=0.3, show_default=True,
    help="Share of a replica's capacity to leave free.",
)  # fmt: skip
@click.option(
    "--repeat", type=click.IntRange(2), default=3, show_default=True, help="Times to measure each."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1),
    default=2.0,
    show_default=True,
    help="How long each measurement takes.",
)
@click.option("--rest", help="Address of a server that runs, such as http://127.0.0.1:8501.")
@click.option("--grpc", help="The same over gRPC, such as 127.0.0.1:8500.")
@click.option("--pid", type=int, help="Process of that server, if it runs here: CPU and memory.")
@click.option("--model", help="Name of the model.  [default: the settings']")
@click.option(
    "--csv", "file", type=click.Path(dir_okay=False, path_type=Path),
    help="Rows of a CSV, Parquet or JSON-lines file, instead of the newest run's.",
)  # fmt: skip
@click.option(
    "--backend", type=click.Choice(_BACKENDS), default="local", show_default=True,
    help="What to start, as taxiway serve does.",
)  # fmt: skip
@click.option(
    "--cpus", type=click.IntRange(1), help="CPUs for the server.  [default: all but a few]"
)
@click.option("--anyway", is_flag=True, help="Measure even if other processes keep the CPUs busy.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files.  [default: a new one in the workspace]",
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
    anyway: bool,
    output: Path | None,
    settings_file: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Measure how much a served model can answer, and say what machines it needs.

    It starts the published model that is stable, else the newest, or drives the server at --rest
    and --grpc. It calls it with real rows over a grid, and writes a table, a plot, and patches for
    Kubernetes. When the repeats lie too far apart, it recommends nothing.
    """
    from pipeline.cli.display import Display
    from pipeline.cli.terminal import library_output_to, new_log
    from pipeline.deploy.sizing import Where, sized
    from pipeline.registry.errors import as_cli_errors
    from serving.sizing.results import files
    from serving.sizing.results.result import Wanted

    settings = load(settings_file, workspace)
    where = Where(rest, grpc, pid, backend, cpus)
    wanted = Wanted(
        protocols=_protocols(protocol, where),
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
            interrupts.remembered(),  # the server must not outlive this process
            library_output_to(log_file) as terminal,
        ):
            observer = _Watcher(None if as_json else Display(terminal))
            found = sized(settings, where, model, file, wanted, folder, anyway, observer)
            written = files.write(found, folder)
            if not as_json:
                from pipeline.cli.tables.size import show

                show(found, written, terminal)
    except OSError as error:
        raise InfrastructureError(f"{error.filename or ''}: {error.strerror}.") from error
    if found.refused:
        refusal = InfrastructureError(
            f"Nothing is recommended: {'; '.join(found.refused)}.",
            "taxiway size, when the machine is quiet, or with other --seconds, --batch, "
            "--concurrency or --latency-target",
        )
        refusal.report, refusal.log_file = folder / files.FIGURES, log_file
        raise refusal
    if as_json:
        click.echo(found.model_dump_json(indent=2))


class _Watcher:
    """Show steps as `taxiway run` does, or nothing."""

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


def _protocols(protocol: str | None, where: Where) -> tuple[str, ...]:
    addresses.check(where.rest, where.grpc)
    served = tuple(where.given) or ("grpc", "rest")
    if protocol is None:
        return served
    if protocol not in served:
        raise UsageError(f"--protocol {protocol}: no address is given with --{protocol}.")
    return (protocol,)
