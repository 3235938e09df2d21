"""The folder TF Serving watches: one sub-folder for each published version."""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
from pathlib import Path


def versions(base: Path) -> list[int]:
    """Return the published versions under TF Serving's model base path, oldest first."""
    if not base.is_dir():
        return []
    return sorted(int(entry.name) for entry in base.iterdir() if entry.name.isdecimal())


def publish(model: Path, base: Path) -> Path:
    """Publish a SavedModel as the next version, unless it is the newest version already.

    The copy is made under a name that TF Serving ignores and becomes visible in one rename, so
    that no server ever sees half a model.

    Args:
      model: the SavedModel's folder.
      base: TF Serving's model base path; created when missing.

    Returns:
      The version's folder, whose name is the version.

    Raises:
      OSError: nothing is published then.
    """
    base.mkdir(parents=True, exist_ok=True)
    newest = base / str(max(versions(base), default=0))
    if newest.exists() and _same_files(model, newest):
        return newest
    version = base / str(max(versions(base), default=0) + 1)
    staging = Path(tempfile.mkdtemp(prefix=".publishing-", dir=base))
    try:
        shutil.copytree(model, staging, dirs_exist_ok=True)
        staging.chmod(0o755)
        _flush(staging)
        staging.rename(version)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return version


def _same_files(one: Path, other: Path) -> bool:
    names = [
        sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
        for folder in (one, other)
    ]
    if names[0] != names[1]:
        return False
    _, different, unreadable = filecmp.cmpfiles(one, other, names[0], shallow=False)
    return not different and not unreadable


def _flush(folder: Path) -> None:
    """Make sure that the files outlive a power cut before the version becomes visible."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
