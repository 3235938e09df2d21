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

from pipeline.settings import Settings

_LOCK = Path(__file__).parent.parent / "requirements.lock"
_DISK_GB = 5
_MEMORY_GB = 4


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
      name: what.
      passed: whether it is as a run needs it.
      found: what is there.
      remedy: what to do when it did not pass.
    """

    name: str
    passed: bool
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Check]:
    """Look at the machine, the environment and the files that the settings name."""
    return [
        _python(),
        Check("g++", shutil.which("g++") is not None, shutil.which("g++") or "none", "install g++"),
        _packages(),
        _memory(),
        *_workspace(settings.workspace),
        *_files(settings),
    ]


def as_table(checks: list[Check]) -> str:
    """Return the checks as lines for a person."""
    return "\n".join(
        f"{'✓' if check.passed else '✗'} {check.name:<12} {check.found}"
        + ("" if check.passed else f"\n    {check.remedy}")
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
    wanted: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^\s;]+)", _LOCK.read_text(), re.M):
        wanted.setdefault(name, set()).add(version)
    wrong = [
        f"{name} {found}"
        for name, versions in wanted.items()
        if (found := _installed(name)) is not None and found not in versions
    ]
    return Check(
        "packages",
        not wrong,
        f"{len(wrong)} differ from the lock: {', '.join(wrong[:5])}" if wrong else "as locked",
        "make clean run",
    )


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # of the other TFX line
        return None


def _memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Check("memory", total >= _MEMORY_GB, f"{total:.0f} GiB", f"{_MEMORY_GB} GiB are needed")


def _workspace(folder: Path) -> Iterator[Check]:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    yield Check("workspace", writable, str(folder), "choose another with --workspace")
    free = shutil.disk_usage(existing).free / 2**30
    yield Check("disk", free >= _DISK_GB, f"{free:.0f} GiB free", f"{_DISK_GB} GiB are needed")


def _files(settings: Settings) -> Iterator[Check]:
    for name, file in (("features", settings.features), ("schema", settings.schema_file)):
        yield Check(name, file.is_file(), str(file), f"correct {name} in taxiway.toml")
