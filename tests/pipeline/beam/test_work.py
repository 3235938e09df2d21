"""A run starts one job server when its first component needs it, and ends it with the run."""

from __future__ import annotations

import json
import os
import signal
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.beam.work import BeamExecutor
from pipeline.settings.beam import BeamSettings, FlinkSettings
from tests.pipeline.beam.servers import answering

# Replaces Java: writes its process id, and listens on the port of the job server.
_JAVA = """#!{python}
import os, pathlib, socket, sys
pathlib.Path("{folder}", str(os.getpid())).touch()
[port] = [arg.partition("=")[2] for arg in sys.argv if arg.startswith("--job-port=")]
with socket.create_server(("localhost", int(port))) as listening:
    while True:
        listening.accept()
"""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file for every job server that was started."""
    folder = tmp_path / "started"
    folder.mkdir()
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(_JAVA.format(python=sys.executable, folder=folder))
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(java.parent), prepend=os.pathsep)
    with zipfile.ZipFile(tmp_path / "server.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "")
    return folder


@pytest.fixture
def beam(tmp_path: Path, started: Path) -> Iterator[BeamSettings]:
    """Settings of a cluster without jobs."""
    with answering(json.dumps({"jobs": []}).encode()) as master:
        jar = str(tmp_path / "server.jar")
        flink = FlinkSettings(master=master, parallelism=1, job_server=jar)
        yield BeamSettings(engine="flink", flink=flink)


def _processes(started: Path) -> list[int]:
    return sorted(int(file.name) for file in started.iterdir())


def _endpoint(flags: list[str]) -> str:
    return next(flag for flag in flags if flag.startswith("--job_endpoint="))


def test_components_share_a_server_that_ends_with_the_run(
    beam: BeamSettings, started: Path
) -> None:
    with ExitStack() as resources:
        executor = BeamExecutor(beam, resources)
        assert _processes(started) == [], "no job server starts before a component needs it"
        with executor.flags("ExampleGen", "a") as first, executor.flags("Transform", "b") as second:
            assert _endpoint(first) == _endpoint(second)
        [process] = _processes(started)
        os.kill(process, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_job_server_that_died_is_started_again(beam: BeamSettings, started: Path) -> None:
    with ExitStack() as resources:
        executor = BeamExecutor(beam, resources)
        with executor.flags("ExampleGen", "a"):
            [process] = _processes(started)
            os.kill(process, signal.SIGKILL)
            os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        with executor.flags("Transform", "b"):
            assert len(_processes(started)) == 2


def test_it_ends_when_a_component_is_interrupted(beam: BeamSettings, started: Path) -> None:
    with ExitStack() as resources:
        with (
            pytest.raises(KeyboardInterrupt),
            BeamExecutor(beam, resources).flags("ExampleGen", "a"),
        ):
            raise KeyboardInterrupt
        [process] = _processes(started)
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
