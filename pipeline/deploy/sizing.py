"""Sizing from rows to figures: the server that is measured, and what is known of its model."""

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
from pipeline.deploy import rows as size_rows
from pipeline.errors import UsageError
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.sizing.measurement import answers, load, machine, server
from serving.sizing.measurement.measure import Bench, now
from serving.sizing.measurement.observer import Observer, step
from serving.sizing.measurement.server import Target
from serving.sizing.results.caveats import caveats, others_cpus
from serving.sizing.results.result import Sizing, Wanted
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
class Where:
    """Where the server is, or is to be.

    Args:
      rest: address of a server that runs, over REST.
      grpc: the same, over gRPC.
      pid: of its process here.
      backend: to start instead.
      cpus: for the server that is started.
    """

    rest: str | None
    grpc: str | None
    pid: int | None
    backend: str
    cpus: int | None

    @property
    def given(self) -> dict[str, str]:
        """The addresses by protocol; empty when a server is to be started."""
        both = {"grpc": self.grpc, "rest": self.rest}
        return {protocol: address for protocol, address in both.items() if address}

    @property
    def here(self) -> bool:
        """Whether the server shares this machine with the load generator."""
        hosts = [urlsplit(each if "//" in each else f"//{each}").hostname for each in
                 self.given.values()]  # fmt: skip
        return all(is_loopback(f"{host}:0") for host in hosts)


def sized(
    settings: Settings,
    where: Where,
    model: str | None,
    file: Path | None,
    wanted: Wanted,
    folder: Path,
    anyway: bool,
    observer: Observer,
) -> Sizing:
    """Measure a server.

    Args:
      settings: name the workspace, and the model unless `model` does.
      where: the server is, or is to be.
      model: its name, if it is not the settings'.
      file: of rows; None for those of the newest run.
      wanted: by the user.
      folder: for the server's log.
      anyway: measure although others keep the machine busy.
      observer: who watches.

    Returns:
      What was measured.

    Raises:
      UsageError: there is no model, there are no rows, or no such CPUs or programs.
      SizingError: nothing can be measured.
    """
    began = time.monotonic()
    load.require_tool()
    place = Workspace(settings.workspace, settings.name)
    name = model or settings.name
    version = _version(place.model_base) if name == settings.name else None
    if not where.given and version is None:
        raise UsageError(f"{place.model_base}: no version is published yet.", "taxiway run")
    if where.backend != LOCAL and shutil.which(where.backend) is None:
        raise UsageError(f"{where.backend} is not on PATH.", "taxiway size, without --backend")
    server_cpus, cpus = _cpus(where)
    if not anyway:
        machine.refuse_if_busy()
    make_folder(folder)
    sizing = Sizing(
        model=name,
        version=None if where.given else version,
        server=_in_words(where),
        at=now(),
        wanted=wanted,
        server_cpus=server_cpus,
        generator_cpus=cpus,
        cells=(),
    )
    rows, expected = _rows(place, settings, version, file, wanted, observer)
    with _target(where, place.model_base, name, version, folder, server_cpus, observer) as target:
        bench = Bench(target, rows, expected, wanted, cpus, observer)
        sizing = bench.measure(sizing)
    others = others_cpus(sizing)
    if others > machine.MAX_OTHERS and not anyway:
        reason = f"others kept {others:.1f} CPUs busy meanwhile (--anyway takes no notice)"
        sizing = sizing.model_copy(update={"refused": (*sizing.refused, reason)})
    return sizing.model_copy(
        update={
            "caveats": caveats(sizing, where.here, where.backend == LOCAL and not where.given),
            "seconds": time.monotonic() - began,
        }
    )


def _rows(
    place: Workspace,
    settings: Settings,
    version: int | None,
    file: Path | None,
    wanted: Wanted,
    observer: Observer,
) -> tuple[list[size_rows.Row], list[float] | None]:
    """Return rows, and their scores when the model is at hand."""
    with step(observer, "Rows") as say:
        count = max(_FEWEST_ROWS, (wanted.repeats + 1) * max(wanted.batches))
        if file is None:
            rows = size_rows.of_workspace(place, count)
        else:
            rows = size_rows.of_file(file, settings, count)
        say(f"{len(rows)} real ones of {file or place.root}")
        if version is None:
            return rows, None
        return rows, answers.in_process(place.model_base / str(version), rows)


def _cpus(where: Where) -> tuple[tuple[int, ...], tuple[int, ...]]:
    usable = machine.usable()
    try:
        server_cpus, cpus = machine.split(usable, where.cpus)
    except ValueError as error:
        raise UsageError(f"--cpus: {error}.") from error
    if where.given:
        return (), cpus if where.here else tuple(usable)
    return server_cpus, cpus


def _version(base: Path) -> int | None:
    known = publish.versions(base)
    stable = model_config.load_served_model(base).aliases.get(model_config.STABLE)
    return stable if stable in known else max(known, default=None)


def _in_words(where: Where) -> str:
    if where.given:
        return f"the server at {' and '.join(where.given.values())}"
    return SERVERS[where.backend]


@contextmanager
def _target(
    where: Where,
    base: Path,
    name: str,
    version: int | None,
    folder: Path,
    cpus: tuple[int, ...],
    observer: Observer,
) -> Iterator[Target]:
    if where.given:
        target = server.running(where.given, name, where.pid)
        try:
            yield target
        finally:
            target.close()
        return
    program = str(Path(sys.executable).with_name("taxiway"))
    words = (program, "serve", "--backend", where.backend)
    # Docker's own process is not the server's.
    command = server.Command(words, owns_process=where.backend != "docker")
    with ExitStack() as stack:
        with step(observer, "Server") as say:
            started = server.started(command, base / str(version), name, folder, cpus)
            target = stack.enter_context(started)
            say(f"{_in_words(where)}, {name} version {version}")
        yield target
