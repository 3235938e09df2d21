"""Real data and real runs that several tests look at."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.project import import_path
from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.layout import Layout, lay_out
from tests import durations, forks, skips
from tests.proof import Proof

os.environ["TF_USE_LEGACY_KERAS"] = "0"
# As after activating the environment: messages then name the command as `taxiway`.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

PROJECT = Path(__file__).parent.parent

_SYS_PATH = list(sys.path)
_INHERITED = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}

_proof = Proof()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the suites that try to break a promise try much longer."""
    parser.addoption(
        "--proof", action="store_true", help="run the full counts, and write docs/proof.md"
    )
    parser.addoption(
        "--model-server", help="command of the server to test against TF Serving's contract"
    )
    parser.addoption(
        "--max-file-seconds", type=float, help="fail when a test file takes more seconds"
    )
    parser.addoption(
        "--fast", action="store_true", help="leave out the test files that take many seconds"
    )
    parser.addoption(
        "--record-durations", action="store_true", help="write the seconds of each test file"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add up the seconds of the test files, in the process that hears of all tests."""
    if hasattr(config, "workerinput"):
        return
    record = durations.FILE if config.getoption("--record-durations") else None
    limit = config.getoption("--max-file-seconds")
    config.pluginmanager.register(durations.Durations(limit, record))
    if os.environ.get(skips.VARIABLE):
        config.pluginmanager.register(skips.NoSkips())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that read a finished run as slow, and put the longest files first."""
    for item in items:
        if flights_run.__name__ in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    recorded = durations.load()
    durations.longest_first(items, recorded)
    if config.getoption("--fast"):
        config.hook.pytest_deselected(items=durations.drop_long(items, recorded))


@pytest.fixture(autouse=True)
def no_own_code() -> Iterator[None]:
    """Undo what tests and their fixtures add to the import path for the code of a project."""
    _restore_import_path()
    yield
    _restore_import_path()
    sys.path[:] = _SYS_PATH
    import_path._folders.clear()


def _restore_import_path() -> None:
    os.environ.pop("PYTHONPATH", None)
    os.environ.update(_INHERITED)


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether `--proof` asks for the full counts."""
    return bool(request.config.getoption("--proof"))


@pytest.fixture(scope="session")
def proof() -> Proof:
    """Count of what was tried, and of the promises that did not hold."""
    return _proof


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what `--proof` found."""
    if session.config.getoption("--proof") and _proof.suites:
        (PROJECT / "docs" / "proof.md").write_text(_proof.report(), encoding="utf-8")


def taxiway(*args: str | Path, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run the command in a process that has imported TensorFlow already."""
    return forks.taxiway([str(arg) for arg in args], cwd)


def installed_taxiway(*args: str | Path, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a user does."""
    command = [Path(sys.executable).with_name("taxiway"), *args]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def copy_project(folder: Path) -> Path:
    """Copy the files that git has to a new folder, and return it."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    for name in filter(None, tracked.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A year of flights, laid out to train on eleven months."""
    root = tmp_path_factory.mktemp("flights")
    return lay_out(open_source(SourceSettings()), root, None, 11)


def span_file(layout: Layout, span: int) -> Path:
    """Return the Parquet file of a span."""
    [file] = layout.base.parent.glob(f"spans/{span}-*.parquet")
    return file


@pytest.fixture(scope="session")
def taxi_csv() -> Path:
    """Folder of the Chicago taxi rides that come with TFX."""
    spec = importlib.util.find_spec("tfx")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "examples/chicago_taxi_pipeline/data/big_tipper_label"


@dataclass(frozen=True)
class Run:
    """One finished `taxiway run --json`.

    Args:
      workspace: its folder of all state.
      result: the object that it printed.
      errors: what was on standard error.
    """

    workspace: Path
    result: dict[str, Any]
    errors: str = ""

    def artifact(self, node: str, output: str) -> Path:
        """Return the newest folder that a node wrote for an output."""
        folders = (self.workspace / "artifacts" / node / output).iterdir()
        return max(folders, key=lambda folder: int(folder.name))


RUN = ("run", "--json", "--span", "201302", "--window", "1")


@pytest.fixture(scope="session")
def _first_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    workspace = tmp_path_factory.mktemp("run") / "workspace"
    # What libraries print on import is part of the log.
    done = installed_taxiway(*RUN, "--workspace", workspace)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(workspace, workspace.with_name("as-it-was"), symlinks=True)
    return Run(workspace, json.loads(done.stdout), done.stderr)


@pytest.fixture(scope="module")
def flights_run(_first_run: Run) -> Run:
    """A run on two months of flights. A file of tests may change it; the next has it as it was."""
    workspace = _first_run.workspace
    shutil.rmtree(workspace)
    shutil.copytree(workspace.with_name("as-it-was"), workspace, symlinks=True)
    return _first_run
