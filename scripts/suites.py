"""Run a long suite only when a file that it tests has changed since it passed.

.ci/passed.toml states for each suite the hash of those files and the date when it passed.

    python -m scripts.suites changed            run the suites whose hash differs, as CI does
    python -m scripts.suites record [SUITE]...  run suites, and record those that pass
"""

from __future__ import annotations

import datetime
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import tomli

_PROJECT = Path(__file__).parents[1]
_RECORD = Path(".ci", "passed.toml")

_HEADER = "# When each long suite passed, and on which files. `make suites-record` writes it.\n"


@dataclass(frozen=True)
class Suite:
    """A suite that takes too long to run for every change.

    Args:
      command: arguments of the command that runs it.
      paths: files and folders of the project that it tests, and the suite's own.
    """

    command: Sequence[str]
    paths: Sequence[str]


_PRODUCT = (
    "models", "pipeline", "schema", "serving", "local_runner.py", "kubeflow_runner.py", "setup.py",
    "taxiway.toml", "pyproject.toml", "requirements.lock", "requirements-dev.lock", "Makefile",
    "scripts/__init__.py", "scripts/setup.sh", "scripts/find_python.sh",
)  # fmt: skip

SUITES = {
    "clusters": Suite(
        ("make", "test-clusters"),
        (
            *_PRODUCT, "scripts/clusters", "tests/__init__.py", "tests/conftest.py",
            "tests/coverage.py", "tests/forks.py", "tests/preloaded.py", "tests/skips.py",
            "tests/pipeline/__init__.py",
            "tests/pipeline/beam", "tests/pipeline/kubeflow",
        ),
    ),
    # It runs `make check` and the tests without whole runs too.
    "lines": Suite(("make", "lines"), (*_PRODUCT, "scripts", "tests", ":!tests/durations.json")),
}  # fmt: skip


def digest(project: Path, paths: Sequence[str]) -> str:
    """Return the hash of the tracked files below some paths, and of their names.

    Args:
      project: folder of the git repository.
      paths: git's pathspecs, relative to the project.

    Returns:
      A SHA-256 in hexadecimal digits.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *paths], cwd=project, capture_output=True, check=True
    )
    total = hashlib.sha256()
    for name in sorted(filter(None, listed.stdout.split(b"\0"))):
        file = project / os.fsdecode(name)
        content = file.read_bytes() if file.exists() else b"removed"
        total.update(name + b"\0" + hashlib.sha256(content).digest())
    return total.hexdigest()


def run_changed(project: Path, suites: Mapping[str, Suite]) -> int:
    """Run the suites whose files have changed since they passed.

    Args:
      project: folder of the git repository.
      suites: the suites by name.

    Returns:
      The exit code of the first suite that failed, or 0.
    """
    passed = _read(project)
    for name, suite in suites.items():
        recorded = passed.get(name, {})
        if recorded.get("hash") == digest(project, suite.paths):
            _report(f"{name}: passed on {recorded['date']}, and no file that it tests has changed.")
            continue
        _report(f"{name}: runs, because a file that it tests has changed since it passed.")
        if code := subprocess.run(suite.command, cwd=project, check=False).returncode:
            return code
    return 0


def run_and_record(project: Path, suites: Mapping[str, Suite]) -> int:
    """Run suites, and record each that passed without skipping a test.

    Args:
      project: folder of the git repository.
      suites: the suites by name.

    Returns:
      The exit code of the first suite that failed, or 0.
    """
    for name, suite in suites.items():
        before = digest(project, suite.paths)
        done = subprocess.run(
            suite.command, cwd=project, env=os.environ | {"TAXIWAY_NO_SKIP": "1"}, check=False
        )
        if done.returncode:
            return done.returncode
        if digest(project, suite.paths) != before:
            _report(f"{name}: not recorded, because its files changed while it ran.")
            return 1
        passed = _read(project)
        passed[name] = {"hash": before, "date": datetime.date.today().isoformat()}
        _write(project, passed)
        _report(f"{name}: recorded in {_RECORD}.")
    return 0


def _read(project: Path) -> dict[str, dict[str, str]]:
    file = project / _RECORD
    return tomli.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _write(project: Path, passed: Mapping[str, Mapping[str, str]]) -> None:
    tables = [
        f'\n[{name}]\nhash = "{table["hash"]}"\ndate = "{table["date"]}"\n'
        for name, table in sorted(passed.items())
    ]
    (project / _RECORD).write_text(_HEADER + "".join(tables), encoding="utf-8")


def _report(text: str) -> None:
    print(text, flush=True)


@click.group()
def main() -> None:
    """Run the tests on clusters and on the newer TFX line."""


@main.command()
def changed() -> None:
    """Run the suites whose files have changed since they passed."""
    sys.exit(run_changed(_PROJECT, SUITES))


@main.command()
@click.argument("names", metavar="[SUITE]...", nargs=-1, type=click.Choice(sorted(SUITES)))
def record(names: tuple[str, ...]) -> None:
    """Run suites, by default all, and record those that pass."""
    sys.exit(run_and_record(_PROJECT, {name: SUITES[name] for name in names or SUITES}))


if __name__ == "__main__":
    main()
