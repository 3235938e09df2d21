"""Fixtures: the run that a cluster's run is compared with, and the jar of a job server."""

from __future__ import annotations

import fcntl
import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.pipeline.beam import runs


@pytest.fixture(scope="session")
def local_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run in one process; the first test process that needs it makes it for all."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "local-run"
    folder.mkdir(exist_ok=True)
    result = folder / "result.json"
    with (shared / "local-run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            result.write_text(json.dumps(runs.run(folder, "").result))
    return Run(folder / "workspace", json.loads(result.read_text()))


@pytest.fixture
def jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with the form of a jar, and an empty program called java on the PATH."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(java.parent), prepend=os.pathsep)
    with zipfile.ZipFile(tmp_path / "server.jar", "w") as file:
        file.writestr("META-INF/MANIFEST.MF", "")
    return str(tmp_path / "server.jar")
