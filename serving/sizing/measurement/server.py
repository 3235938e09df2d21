"""A model server in a separate process, for the duration of a measurement."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from serving.client import Client, ClientError, TooLate
from serving.ports import free_port
from serving.sizing.errors import NotServed
from serving.sizing.measurement import machine
from serving.sizing.measurement.watch import Watch

GRPC, REST = "grpc", "rest"

_START_SECONDS = 120.0
_RUNNING_SECONDS = 2.0
_END_SECONDS = 20.0
_POLL_SECONDS = 0.05
_FIRST, _SECOND = "1", "2"


@dataclass(frozen=True)
class Target:
    """A server that is ready to be measured.

    Args:
      clients: client by protocol.
      watch: CPU and memory of the server's process; None when the process is unknown.
      load_second: function that loads a second version and returns when it answers instead of the
        first; None for a server that Taxiway did not start.
    """

    clients: dict[str, Client]
    watch: Watch | None
    load_second: Callable[[], None] | None = None

    def close(self) -> None:
        """Close the connections."""
        for client in self.clients.values():
            client.close()


@dataclass(frozen=True)
class Command:
    """A command that starts a server.

    Args:
      args: program and arguments; the program takes TensorFlow Serving's flags.
      owns_process: whether the command's process becomes the server.
    """

    args: tuple[str, ...]
    owns_process: bool = True


def running(addresses: Mapping[str, str], name: str, pid: int | None) -> Target:
    """Connect to a server that is running already.

    Args:
      addresses: address by protocol: `127.0.0.1:8500` for gRPC, `http://127.0.0.1:8501` for REST.
      name: name of the model.
      pid: id of the server's process on this machine, to measure its CPU and memory; None: they
        are not measured.

    Returns:
      The server.

    Raises:
      NotServed: no server answers, or there is no such process.
    """
    make = {GRPC: Client.grpc, REST: Client.rest}
    clients = {protocol: make[protocol](address, name) for protocol, address in addresses.items()}
    try:
        for client in clients.values():
            client.wait_ready(_RUNNING_SECONDS)
        return Target(clients, Watch(pid) if pid is not None else None)
    except ClientError as error:
        raise NotServed(f"{' and '.join(addresses.values())}: {error}.", "taxiway serve") from error


@contextmanager
def started(
    command: Command, model: Path, name: str, folder: Path, cpus: Sequence[int]
) -> Iterator[Target]:
    """Start a server of a model.

    Args:
      command: command that starts the server.
      model: folder of the SavedModel.
      name: name of the model.
      folder: folder for the server's log and models; the files must be inside it, because a
        container cannot follow links to other folders.
      cpus: CPUs that the server may use.

    Yields:
      The server, once it answers. It is ended afterwards.

    Raises:
      NotServed: the server ended, or does not answer in time.
    """
    base = Path(tempfile.mkdtemp(prefix=".models-", dir=folder))
    base.chmod(0o755)
    _provide(model, base / _FIRST)
    ports = {GRPC: free_port(), REST: free_port()}
    args = [
        *command.args, f"--port={ports[GRPC]}", f"--rest_api_port={ports[REST]}",
        f"--model_name={name}", f"--model_base_path={base}", "--file_system_poll_wait_seconds=1",
    ]  # fmt: skip
    log = folder / "server.log"
    with log.open("wb") as out, machine.bound(cpus):
        process = subprocess.Popen(
            args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    clients = {
        GRPC: Client.grpc(f"127.0.0.1:{ports[GRPC]}", name),
        REST: Client.rest(f"http://127.0.0.1:{ports[REST]}", name),
    }

    def alive() -> None:
        if process.poll() is not None:
            raise NotServed(
                f"The server ended with {process.returncode}: {_last_line(log)}", f"see {log}"
            )

    def load_second() -> None:
        _provide(model, base / _SECOND)
        _until(lambda: _swapped(_states(clients[REST])), alive)

    try:
        for client in clients.values():
            _until(lambda client=client: _ready(client), alive)  # type: ignore[misc]
        watch = Watch(process.pid) if command.owns_process else None
        yield Target(clients, watch, load_second)
    except NotServed:
        with suppress(subprocess.TimeoutExpired):  # its threads may not all be gone yet
            process.wait(_POLL_SECONDS * 20)
        alive()  # its error states the reason
        raise
    finally:
        for client in clients.values():
            client.close()
        _end(process)
        shutil.rmtree(base, ignore_errors=True)


def _provide(model: Path, version: Path) -> None:
    """Provide a version in one rename; files are linked instead of copied where possible."""
    unfinished = version.with_name(f".{version.name}")
    shutil.copytree(model, unfinished, copy_function=_link)
    unfinished.rename(version)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy(source, target)


def _ready(client: Client) -> bool:
    try:
        client.wait_ready(_POLL_SECONDS)
    except TooLate:
        return False
    return True


def _swapped(states: dict[int, str]) -> bool:
    return states.get(2) == "AVAILABLE" and states.get(1, "END") == "END"


def _states(client: Client) -> dict[int, str]:
    try:
        return client.states()
    except ClientError:
        return {}


def _until(done: Callable[[], bool], alive: Callable[[], None]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not done():
        alive()
        if time.monotonic() > deadline:
            raise NotServed(
                f"The server did not load the model within {_START_SECONDS:.0f} s.", "taxiway serve"
            )
        time.sleep(_POLL_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
        return
    process.kill()
    process.wait()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"
