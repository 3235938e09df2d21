"""The seconds of test files: the order that they give, the report, the limit and the record."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import durations
from tests.conftest import PROJECT

_CONFTEST = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from pathlib import Path
from tests import durations

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(durations.Durations(LIMIT, Path("durations.json")))

def pytest_collection_modifyitems(items):
    durations.longest_first(items, {{"test_quick.py": 0.1, "test_long.py": 0.5}})
"""
_TESTS = {
    "test_long.py": "import time\ndef test_b(): time.sleep(0.3)\ndef test_a(): time.sleep(0.3)\n",
    "test_new.py": "def test_c(): pass\n",
    "test_quick.py": "def test_d(): pass\n",
}


def _run(folder: Path, limit: float | None, *args: str) -> subprocess.CompletedProcess[str]:
    for name, text in _TESTS.items():
        (folder / name).write_text(text)
    (folder / "conftest.py").write_text(_CONFTEST.replace("LIMIT", repr(limit)))
    (folder / "durations.json").write_text('{"test_gone.py": 3.0, "test_quick.py": 9.0}')
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_new_files_come_first_and_then_the_longest(tmp_path: Path) -> None:
    done = _run(tmp_path, None, "--collect-only", "-q")
    tests = [line for line in done.stdout.splitlines() if "::" in line]
    assert tests == [
        "test_new.py::test_c", "test_long.py::test_b", "test_long.py::test_a",
        "test_quick.py::test_d",
    ]  # fmt: skip


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "loadfile")])
def test_a_file_above_the_limit_fails_the_run(tmp_path: Path, workers: tuple[str, ...]) -> None:
    done = _run(tmp_path, 0.5, *workers)
    assert done.returncode == 1, done.stdout + done.stderr
    failed = r"FAILED test_long\.py: it took \d+\.\d s, and the limit of a test file is 0\.5 s\."
    assert re.search(failed, done.stdout)
    assert "FAILED test_quick.py" not in done.stdout


def test_without_a_limit_the_seconds_are_printed_and_recorded(tmp_path: Path) -> None:
    done = _run(tmp_path, None)
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, report = done.stdout.partition("longest test files")
    shown = [line.split()[-1] for line in report.splitlines() if " s  test_" in line]
    assert shown[0] == "test_long.py" and set(shown) == set(_TESTS)
    recorded = json.loads((tmp_path / "durations.json").read_text())
    assert recorded.keys() == _TESTS.keys()
    assert 0.6 <= recorded["test_long.py"] < 5 and recorded["test_quick.py"] < 1


def test_the_recorded_seconds_can_be_read() -> None:
    assert all(seconds >= 0 for seconds in durations.load().values())


class _Item:
    """A collected test, as far as its file matters."""

    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def test_fast_leaves_out_the_files_that_take_long() -> None:
    items = [
        _Item("tests/test_long.py::a"),
        _Item("tests/test_short.py::b"),
        _Item("tests/new.py::c"),
    ]
    recorded = {"tests/test_long.py": 60.0, "tests/test_short.py": 0.1}
    dropped = durations.drop_long(items, recorded)  # type: ignore[arg-type]
    assert [item.nodeid for item in dropped] == ["tests/test_long.py::a"]
    assert [item.nodeid for item in items] == ["tests/test_short.py::b", "tests/new.py::c"]
