"""The files of a SavedModel: which they are, and their hashes."""

from __future__ import annotations

import stat
from pathlib import Path

from serving.errors import DamagedModel
from serving.storage import local
from serving.storage.local import FileEntry
from serving.store.manifest import NAME as MANIFEST

_EXPORT = "export the model again"


def list_files(folder: Path) -> list[Path]:
    """List a model's files as sorted relative paths, without the manifest.

    Args:
      folder: folder of the SavedModel.

    Returns:
      The files.

    Raises:
      DamagedModel: the folder is missing or empty, or contains a link or a special file.
    """
    if not folder.is_dir():
        raise DamagedModel(folder, "expected a SavedModel, got no such folder", _EXPORT)
    files = []
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        # A link leads out of the version, to files that can change after they were verified.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "a special file"
            raise DamagedModel(path, f"expected a file or a folder, got {kind}", _EXPORT)
        if stat.S_ISREG(mode):
            files.append(path.relative_to(folder))
    files = [file for file in files if file != Path(MANIFEST)]
    if not files:
        raise DamagedModel(folder, "expected a SavedModel, got an empty folder", _EXPORT)
    return files


def hash_files(folder: Path) -> dict[str, FileEntry]:
    """Hash a model's files.

    Args:
      folder: folder of the SavedModel.

    Returns:
      Size and hash by relative path.

    Raises:
      DamagedModel: the folder is missing or empty, or contains a link or a special file.
      OSError: a file cannot be read.
    """
    return {file.as_posix(): local.hash_file(folder / file) for file in list_files(folder)}
