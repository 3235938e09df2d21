"""What `taxiway doctor` checks: the machine, the environment and the project's settings."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from pipeline.beam import check as engine
from pipeline.cli import program
from pipeline.errors import InfrastructureError, TaxiwayError, UsageError
from pipeline.project import files as project_files
from pipeline.settings.sections import Settings
from pipeline.sources import Label, open_source
from pipeline.sources.layout import choose
from schema import columns

_LOCK = Path(__file__).parents[2] / "requirements.lock"
_DISK_GB = 5
_MEMORY_GB = 3.5  # a machine of 4 GiB has that much usable
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Args:
      name: name of the check.
      passed: whether a run has what it requires.
      detail: what the check saw.
      remedy: what to do when the check failed; default "".
      exit_code: exit code of a run that fails for this; default that of InfrastructureError.
    """

    name: str
    passed: bool
    detail: str
    remedy: str = ""
    exit_code: int = InfrastructureError.exit_code


def check_machine() -> list[Check]:
    """Check the machine and the environment."""
    compiler = shutil.which("g++")
    return [
        _python(),
        Check("g++", compiler is not None, compiler or "none", "apt install g++"),
        _packages(),
        _memory(),
    ]


def check_project(settings: Settings) -> list[Check]:
    """Check the folders, files, database and engine that the settings name.

    Args:
      settings: settings of the pipeline.
    """
    return [
        *_workspace(settings.workspace),
        *_files(settings),
        *_metadata(settings),
        *_engine(settings),
    ]


def failed_check(name: str, error: TaxiwayError) -> Check:
    """Return the failed check that an error describes.

    Args:
      name: name of the check.
      error: the error that a run would end with.
    """
    return Check(name, False, error.what, error.next_step, error.exit_code)


def as_table(checks: list[Check]) -> str:
    """Return the checks as lines, with the remedy below a failed one.

    Args:
      checks: the checks to list.
    """
    return "\n".join(
        f"{'✓' if check.passed else '✗'} {check.name:<12} {check.detail}"
        + ("" if check.passed else f"\n    {program.as_typed(check.remedy)}")
        for check in checks
    )


def as_json(checks: list[Check]) -> str:
    """Return the checks as a JSON object.

    Args:
      checks: the checks to list.
    """
    content = [
        {
            "name": check.name,
            "passed": check.passed,
            "found": check.detail,
            "remedy": check.remedy,
            "exit_code": check.exit_code,
        }
        for check in checks
    ]
    return json.dumps({"checks": content}, indent=2)


def _python() -> Check:
    version = platform.python_version()
    libc = platform.libc_ver()[1]
    old_line = sys.version_info[:2] == (3, 10)
    new_line = (3, 11) <= sys.version_info[:2] <= (3, 13)
    new_libc = tuple(int(part) for part in libc.split(".")) >= (2, 38) if libc else False
    return Check(
        "Python",
        old_line or (new_line and new_libc),
        f"{version}, glibc {libc or 'unknown'}",
        "use Python 3.10, or 3.11 to 3.13 on glibc 2.38 or newer, then: make clean run",
    )


def _packages() -> Check:
    if not _LOCK.exists():
        return Check("packages", True, "installed without a lock file")
    locked = re.findall(r"^[\w.-]+(?:\[.*?\])?==[^\\\n]+", _LOCK.read_text(), re.MULTILINE)
    differences = [text for line in locked if (text := _difference(Requirement(line)))]
    return Check(
        "packages",
        not differences,
        "; ".join(differences[:5]) if differences else f"all as in {_LOCK.name}",
        "make clean run",
    )


def _difference(locked: Requirement) -> str:
    if locked.marker is not None and not locked.marker.evaluate():  # of the other TFX line
        return ""
    try:
        installed = metadata.version(locked.name)
    except metadata.PackageNotFoundError:
        return f"{locked.name} is missing"
    if installed in locked.specifier:
        return ""
    return f"{locked.name} is {installed}, not {locked.specifier}"


def _memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if _CONTAINER_LIMIT.exists() and (limit := _CONTAINER_LIMIT.read_text().strip()).isdigit():
        total = min(total, int(limit))
    gb = total / 2**30
    return Check(
        "memory", gb >= _MEMORY_GB, f"{gb:.1f} GiB", f"use a machine with at least {_MEMORY_GB} GiB"
    )


def _workspace(folder: Path) -> Iterator[Check]:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    remedy = "choose another folder with --workspace"
    yield Check("workspace", writable, str(folder), remedy, UsageError.exit_code)
    free = shutil.disk_usage(existing).free / 2**30
    yield Check("disk", free >= _DISK_GB, f"{free:.0f} GiB free", f"free at least {_DISK_GB} GiB")


def _files(settings: Settings) -> Iterator[Check]:
    """Check what a run reads before its first component."""
    try:
        files = project_files.load(settings)
    except TaxiwayError as error:
        yield failed_check("files", error)
        return
    yield Check("files", True, f"{settings.features.name}, {settings.schema_file.name} fit")
    source = settings.source
    try:
        features = files.features
        label = Label(features.label, features.positive, features.negative)
        rows = open_source(source, columns.types(files.schema), label=label)
        layout = choose(rows, source.span, source.window).describe(source.window)
    except TaxiwayError as error:
        yield failed_check("source", error)
    else:
        yield Check("source", True, layout)


def _metadata(settings: Settings) -> Iterator[Check]:
    server = settings.metadata
    if server.host is None:
        return
    from pipeline.metadata import store

    try:
        store.try_writing(store.open_store(settings), settings)
    except TaxiwayError as error:
        yield failed_check("metadata", error)
    else:
        address = f"{server.database} at {server.host}:{server.port}, as {server.user}"
        yield Check("metadata", True, address)


def _engine(settings: Settings) -> Iterator[Check]:
    try:
        clusters = engine.check_engines(settings.beam)
    except TaxiwayError as error:
        yield failed_check("engine", error)
    else:
        if clusters:
            yield Check("engine", True, clusters)
