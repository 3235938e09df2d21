"""Sizing of a served model: rows, the server, the measurement and its caveats."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.beam.calls import is_loopback
from pipeline.errors import UsageError
from pipeline.serving_tools import sample_rows
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.sizing.measurement import answers, load, machine, server
from serving.sizing.measurement.measure import Bench, now
from serving.sizing.measurement.observer import Observer, step
from serving.sizing.results import analysis
from serving.sizing.results.caveats import caveats, others_cpus
from serving.sizing.results.result import Sizing, SizingRequest
from serving.storage.local import make_folder
from serving.store import model_config, publish

LOCAL = "local"
SERVERS = {
    LOCAL: "Taxiway's own server",
    "tensorflow_model_server": "TensorFlow Serving",
    "docker": "TensorFlow Serving in Docker",
}
_FEWEST_ROWS = 256


@dataclass(frozen=True)
class Target:
    """The server to measure: a running one, or one to start.

    Args:
      rest: REST address of a running server; None without one.
      grpc: gRPC address of a running server; None without one.
      pid: process id of the running server on this machine; None when it is not known.
      backend: server to start when no address is given, a key of `SERVERS`.
      cpus: number of CPUs for the server to start; None for all but those of the load generator.
    """

    rest: str | None
    grpc: str | None
    pid: int | None
    backend: str
    cpus: int | None

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses by protocol; empty when a server is to be started."""
        both = {"grpc": self.grpc, "rest": self.rest}
        return {protocol: address for protocol, address in both.items() if address}

    @property
    def is_local(self) -> bool:
        """Whether the server shares this machine with the load generator."""
        urls = (
            address if "//" in address else f"//{address}" for address in self.addresses.values()
        )
        return all(is_loopback(f"{urlsplit(url).hostname}:0") for url in urls)

    def __str__(self) -> str:
        if self.addresses:
            return f"the server at {' and '.join(self.addresses.values())}"
        return SERVERS[self.backend]


def measure(
    settings: Settings,
    target: Target,
    model: str | None,
    file: Path | None,
    request: SizingRequest,
    folder: Path,
    force: bool,
    observer: Observer,
) -> Sizing:
    """Measure the load that a served model takes.

    Args:
      settings: settings of the pipeline, which name the workspace and the model.
      target: the server to measure.
      model: name of the model; None for the settings' name.
      file: file of rows; None for the eval split of the newest run.
      request: the grid to measure, and the latency target.
      folder: folder for the server's log.
      force: whether to measure although other processes keep the CPUs busy.
      observer: observer of the steps.

    Returns:
      The figures, the recommendation and its caveats.

    Raises:
      UsageError: there is no model, there are no rows, or a program or the CPUs are missing.
      StoreError: the file of aliases cannot be read.
      SizingError: the server cannot be measured.
    """
    began = time.monotonic()
    load.require_tool()
    workspace = Workspace(settings.workspace, settings.name)
    name = model or settings.name
    version = _published_version(workspace.model_base) if name == settings.name else None
    if not target.addresses and version is None:
        raise UsageError(f"{workspace.model_base}: no version is published yet.", "taxiway run")
    if target.backend != LOCAL and shutil.which(target.backend) is None:
        raise UsageError(f"{target.backend} is not on PATH.", "remove --backend")
    server_cpus, generator_cpus = _split_cpus(target)
    if not force:
        machine.refuse_if_busy()
    make_folder(folder)
    sizing = Sizing(
        model=name,
        version=None if target.addresses else version,
        server=str(target),
        at=now(),
        request=request,
        server_cpus=server_cpus,
        generator_cpus=generator_cpus,
        cells=(),
    )
    rows, scores = _load_rows(workspace, settings, version, file, request, observer)
    with _open_server(
        target, workspace.model_base, name, version, folder, server_cpus, observer
    ) as measured:
        bench = Bench(measured, rows, scores, request, generator_cpus, observer)
        sizing = bench.measure(sizing)
    others = others_cpus(sizing)
    if others > analysis.MAX_OTHERS and not force:
        reason = f"other processes kept {others:.1f} CPUs busy (pass --force to ignore them)"
        sizing = sizing.model_copy(update={"refused": (*sizing.refused, reason)})
    is_own_server = target.backend == LOCAL and not target.addresses
    return sizing.model_copy(
        update={
            "caveats": caveats(sizing, target.is_local, is_own_server),
            "seconds": time.monotonic() - began,
        }
    )


def _load_rows(
    workspace: Workspace,
    settings: Settings,
    version: int | None,
    file: Path | None,
    request: SizingRequest,
    observer: Observer,
) -> tuple[list[sample_rows.Row], list[float] | None]:
    """Return rows, and their scores when the model is published here."""
    with step(observer, "Rows") as conclude:
        count = max(_FEWEST_ROWS, (request.repeats + 1) * max(request.batches))
        if file is None:
            rows = sample_rows.load_eval_split(workspace, count)
        else:
            rows = sample_rows.load_file(file, settings, count)
        conclude(f"{len(rows)} rows of {file or workspace.root}")
        if version is None:
            return rows, None
        return rows, answers.in_process(workspace.model_base / str(version), rows)


def _split_cpus(target: Target) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the CPUs of the server and those of the load generator."""
    usable = machine.usable()
    try:
        server_cpus, generator_cpus = machine.split(usable, target.cpus)
    except ValueError as error:
        raise UsageError(f"--cpus: {error}.") from error
    if target.addresses:
        return (), generator_cpus if target.is_local else tuple(usable)
    return server_cpus, generator_cpus


def _published_version(base: Path) -> int | None:
    versions = publish.versions(base)
    stable = model_config.load_served_model(base).aliases.get(model_config.STABLE)
    return stable if stable in versions else max(versions, default=None)


@contextmanager
def _open_server(
    target: Target,
    base: Path,
    name: str,
    version: int | None,
    folder: Path,
    cpus: tuple[int, ...],
    observer: Observer,
) -> Iterator[server.Target]:
    if target.addresses:
        running = server.running(target.addresses, name, target.pid)
        try:
            yield running
        finally:
            running.close()
        return
    program = str(Path(sys.executable).with_name("taxiway"))
    args = (program, "serve", "--backend", target.backend)
    # The process of the docker command is not the server's.
    command = server.Command(args, owns_process=target.backend != "docker")
    with ExitStack() as stack:
        with step(observer, "Server") as conclude:
            started = stack.enter_context(
                server.started(command, base / str(version), name, folder, cpus)
            )
            conclude(f"{target}, {name} version {version}")
        yield started
