"""A database of ML Metadata that another program has locked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import InfrastructureError
from pipeline.metadata import locks
from pipeline.metadata import store as metadata
from pipeline.settings.sections import Settings

_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN " + sys.argv[2])
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def _locked(database: Path, kind: str) -> Iterator[int]:
    """Lock a database in another process; yield its number."""
    command = [sys.executable, "-c", _LOCK, str(database), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"locked\n"
        yield process.pid
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("kind", ["EXCLUSIVE", "IMMEDIATE"])
def test_the_process_that_locks_is_named(tmp_path: Path, kind: str) -> None:
    settings = Settings(workspace=tmp_path)
    metadata.open_store(settings)
    database = tmp_path / "metadata" / "metadata.sqlite"
    with _locked(database, kind) as process:
        with pytest.raises(InfrastructureError) as caught:
            metadata.open_store(settings)
        assert caught.value.what.startswith(f"{database}: the database of ML Metadata is locked")
        assert f"process {process} ({sys.executable} -c" in caught.value.what
        assert caught.value.next_step.startswith("end that process or wait for it, and run again")
    metadata.open_store(settings)


def test_no_process_is_named_without_a_lock(tmp_path: Path) -> None:
    metadata.open_store(Settings(workspace=tmp_path))
    assert locks.holder(tmp_path / "metadata" / "metadata.sqlite") == ""
    assert locks.holder(tmp_path / "none.sqlite") == ""
