"""Where the TFX lines cannot be compared, that is said, and is no failure."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import PROJECT


def test_a_machine_without_debootstrap_is_told_so() -> None:
    # Debian keeps it with what only root runs.
    done = subprocess.run(
        [PROJECT / "scripts" / "lines" / "trixie.sh"],
        env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Skipped: the TFX lines were not compared, because ")


@dataclass(frozen=True)
class _Machine:
    """One with root and mount namespaces, whose debootstrap reaches no mirror."""

    folder: Path

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def compare(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.project / "scripts" / "lines" / "trixie.sh"],
            env={
                "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                "TAXIWAY_CACHE": str(self.folder / "cache"),
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip


def _command(file: Path, does: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> _Machine:
    made = _Machine(tmp_path)
    for name, does in (("id", "echo 0"), ("unshare", ""), ("debootstrap", "exit 1")):
        _command(tmp_path / "bin" / name, does)
    script = made.project / "scripts" / "lines" / "trixie.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(PROJECT / "scripts" / "lines" / "trixie.sh", script)
    _command(made.project / "scripts" / "setup.sh", "")
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for words in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "-m", "all")):
        subprocess.run(["git", "-C", made.project, *words], check=True)
    _command(made.project / ".venv" / "bin" / "python", "echo 3.10")
    return made


def test_committed_files_and_the_older_line_are_what_it_takes(machine: _Machine) -> None:
    done = machine.compare()
    assert "because Debian trixie cannot be downloaded" in done.stdout
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("staged", [False, True])
def test_changes_that_only_one_line_would_run_are_refused(machine: _Machine, staged: bool) -> None:
    with (machine.project / "scripts" / "setup.sh").open("a") as out:
        out.write("# changed\n")
    if staged:
        subprocess.run(["git", "-C", machine.project, "add", "scripts"], check=True)
    done = machine.compare()
    assert done.returncode == 1
    assert "scripts/setup.sh" in done.stderr
    assert "not committed" in done.stderr


def test_the_newer_line_is_not_compared_with_itself(machine: _Machine) -> None:
    _command(machine.project / ".venv" / "bin" / "python", "echo 3.12")
    done = machine.compare()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Skipped: the TFX lines were not compared, because .venv has ")
    assert "Python 3.12" in done.stdout
