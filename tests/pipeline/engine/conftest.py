"""Beside what a cluster's run is held to."""

from __future__ import annotations

import fcntl
import json
import os

import pytest

from tests.conftest import Run
from tests.pipeline.engine import runs


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run in this process; whichever of the test processes needs it first makes it for all."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "here"
    folder.mkdir(exist_ok=True)
    result = folder / "result.json"
    with (shared / "here.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            result.write_text(json.dumps(runs.run(folder, "").result))
    return Run(folder / "workspace", json.loads(result.read_text()))
