"""A model server in a process of its own, for as long as it is measured."""

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
    """A server that answers.

    Args:
      clients: by protocol.
      watch: of its process; None when that is not known.
      load_second: loads a second version beside the first, and returns when it answers instead;
        None for somebody else's server.
    """

    clients: dict[str, Client]
    watch: Watch | None
    load_second: Callable[[], None] | None = None

    def close(self) -> None:
        """Let go of the connections."""
        for client in self.clients.values():
            client.close()


@dataclass(frozen=True)
class Command:
    """How to start a server.

    Args:
      words: a command that takes TF Serving's flags.
      owns_process: whether the command's process becomes the server.
    """

    words: tuple[str, ...]
    owns_process: bool = True


def running(addresses: Mapping[str, str], name: str, pid: int | None) -> Target:
    """Return a server that somebody else started.

    Args:
      addresses: by protocol: `127.0.0.1:8500` over gRPC, `http://127.0.0.1:8501` over REST.
      name: of the model.
      pid: of its process, if it runs here and its CPU and memory shall be known.

    Raises:
      NotServed: nobody answers, or there is no such process.
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
      command: that starts it.
      model: the SavedModel's folder.
      name: of the model.
      folder: where its log and its models go; a link to a file elsewhere could not be seen in a
        container.
      cpus: that it may use.

    Yields:
      The server, once it answers. It is ended afterwards.

    Raises:
      NotServed: it ended, or does not answer in time.
    """
    base = Path(tempfile.mkdtemp(prefix=".models-", dir=folder))
    base.chmod(0o755)
    _provide(model, base / _FIRST)
    ports = {GRPC: free_port(), REST: free_port()}
    words = [
        *command.words, f"--port={ports[GRPC]}", f"--rest_api_port={ports[REST]}",
        f"--model_name={name}", f"--model_base_path={base}", "--file_system_poll_wait_seconds=1",
    ]  # fmt: skip
    log = folder / "server.log"
    with log.open("wb") as out, machine.bound(cpus):
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
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
        alive()  # knows better why
        raise
    finally:
        for client in clients.values():
            client.close()
        _end(process)
        shutil.rmtree(base, ignore_errors=True)


def _provide(model: Path, version: Path) -> None:
    """Give the server a version, whole at once, without copying what need not be."""
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
