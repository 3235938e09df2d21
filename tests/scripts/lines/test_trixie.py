"""If the TFX lines cannot be compared, the script states why and does not fail."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import PROJECT


def test_a_machine_without_debootstrap_is_skipped() -> None:
    # Debian installs debootstrap in a folder of root's programs.
    done = subprocess.run(
        [PROJECT / "scripts" / "lines" / "trixie.sh"],
        env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Skipped: the TFX lines were not compared, because ")


@dataclass(frozen=True)
class _Machine:
    """A machine with root and mount namespaces, whose debootstrap reaches no mirror."""

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


def _command(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> _Machine:
    built = _Machine(tmp_path)
    for name, script in (("id", "echo 0"), ("unshare", ""), ("debootstrap", "exit 1")):
        _command(tmp_path / "bin" / name, script)
    copy = built.project / "scripts" / "lines" / "trixie.sh"
    copy.parent.mkdir(parents=True)
    shutil.copy(PROJECT / "scripts" / "lines" / "trixie.sh", copy)
    _command(built.project / "scripts" / "setup.sh", "")
    author = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for args in (("init", "--quiet"), ("add", "."), (*author, "commit", "--quiet", "-m", "all")):
        subprocess.run(["git", "-C", built.project, *args], check=True)
    _command(built.project / ".venv" / "bin" / "python", "echo 3.10")
    return built


def test_committed_files_and_the_older_line_are_required(machine: _Machine) -> None:
    done = machine.compare()
    assert "because Debian trixie cannot be downloaded" in done.stdout
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("staged", [False, True])
def test_uncommitted_changes_are_refused(machine: _Machine, staged: bool) -> None:
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
