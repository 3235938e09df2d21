"""Does this machine have what a run needs?"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from pipeline.beam import check as engine
from pipeline.cli import program
from pipeline.errors import InfrastructureError, TaxiwayError, UsageError
from pipeline.project import files as project_files
from pipeline.settings.sections import Settings
from pipeline.sources import open_source
from pipeline.sources.layout import choose
from schema import columns

_LOCK = Path(__file__).parents[2] / "requirements.lock"
_DISK_GB = 5
_MEMORY_GB = 3.5  # what a machine of 4 has left
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
      name: what.
      passed: whether it is as a run needs it.
      found: what is there.
      remedy: what to do when it did not pass.
      exit_code: that a run would end with then.
    """

    name: str
    passed: bool
    found: str
    remedy: str = ""
    exit_code: int = InfrastructureError.exit_code


def machine() -> list[Check]:
    """Look at the machine and the environment."""
    compiler = shutil.which("g++")
    return [
        _python(),
        Check("g++", compiler is not None, compiler or "none", "apt install g++"),
        _packages(),
        _memory(),
    ]


def project(settings: Settings) -> list[Check]:
    """Look at the folders, files, database and engine that the settings name."""
    return [
        *_workspace(settings.workspace),
        *_files(settings),
        *_metadata(settings),
        *_engine(settings),
    ]


def not_as_needed(name: str, error: TaxiwayError) -> Check:
    """Return a check that an error says the result of."""
    return Check(name, False, error.what, error.next_step, error.exit_code)


def as_table(checks: list[Check]) -> str:
    """Return the checks as lines for a person."""
    return "\n".join(
        f"{'✓' if check.passed else '✗'} {check.name:<12} {check.found}"
        + ("" if check.passed else f"\n    {program.as_typed(check.remedy)}")
        for check in checks
    )


def as_json(checks: list[Check]) -> str:
    """Return the checks as a JSON object."""
    return json.dumps({"checks": [asdict(check) for check in checks]}, indent=2)


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
    wrong = [what for line in locked if (what := _difference(Requirement(line)))]
    return Check(
        "packages",
        not wrong,
        "; ".join(wrong[:5]) if wrong else f"all as in {_LOCK.name}",
        "make clean run",
    )


def _difference(locked: Requirement) -> str:
    if locked.marker is not None and not locked.marker.evaluate():  # of the other TFX line
        return ""
    try:
        found = metadata.version(locked.name)
    except metadata.PackageNotFoundError:
        return f"{locked.name} is missing"
    return "" if found in locked.specifier else f"{locked.name} is {found}, not {locked.specifier}"


def _memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if _CONTAINER_LIMIT.exists() and (limit := _CONTAINER_LIMIT.read_text().strip()).isdigit():
        total = min(total, int(limit))
    gb = total / 2**30
    return Check("memory", gb >= _MEMORY_GB, f"{gb:.1f} GiB", f"{_MEMORY_GB} GiB are needed")


def _workspace(folder: Path) -> Iterator[Check]:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    remedy = "choose another with --workspace"
    yield Check("workspace", writable, str(folder), remedy, UsageError.exit_code)
    free = shutil.disk_usage(existing).free / 2**30
    yield Check("disk", free >= _DISK_GB, f"{free:.0f} GiB free", f"{_DISK_GB} GiB are needed")


def _files(settings: Settings) -> Iterator[Check]:
    """Look at what a run reads before its first component."""
    try:
        files = project_files.load(settings)
    except TaxiwayError as error:
        yield not_as_needed("files", error)
        return
    yield Check("files", True, f"{settings.features.name}, {settings.schema_file.name} fit")
    source = settings.source
    try:
        rows = open_source(source, columns.types(files.schema))
        found = choose(rows, source.span, source.window).in_words(source.window)
    except TaxiwayError as error:
        yield not_as_needed("source", error)
    else:
        yield Check("source", True, found)


def _metadata(settings: Settings) -> Iterator[Check]:
    server = settings.metadata
    if server.host is None:
        return
    from pipeline.metadata import store

    try:
        store.try_writing(store.open_store(settings), settings)
    except TaxiwayError as error:
        yield not_as_needed("metadata", error)
    else:
        found = f"{server.database} at {server.host}:{server.port}, as {server.user}"
        yield Check("metadata", True, found)


def _engine(settings: Settings) -> Iterator[Check]:
    try:
        found = engine.reach(settings.beam)
    except TaxiwayError as error:
        yield not_as_needed("engine", error)
    else:
        if found:
            yield Check("engine", True, found)
