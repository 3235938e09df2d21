"""Create several files together, or none of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.errors import InfrastructureError, UsageError


def refuse_existing(folder: Path, names: Iterable[str], force: bool) -> None:
    """Refuse to replace files that the user did not offer for it.

    Args:
      folder: folder of the project, which may not exist.
      names: paths relative to the folder.
      force: whether existing files may be replaced.

    Raises:
      UsageError: a file exists, or the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: not a folder.", "choose another folder with --dir")
    existing = [name for name in names if os.path.lexists(folder / name)]
    if existing and not force:
        raise UsageError(
            f"{folder}: there are already {', '.join(existing)}; nothing is written.",
            "choose another folder with --dir, or pass --force to replace these files",
        )


def create(folder: Path, contents: Mapping[str, str], force: bool = False) -> None:
    """Write files; an error or an interruption leaves none of them behind.

    Args:
      folder: folder of the project; created when missing.
      contents: text by path relative to the folder.
      force: whether to replace existing files; default False.

    Raises:
      UsageError: a file exists.
      InfrastructureError: a file cannot be written.
    """
    refuse_existing(folder, contents, force)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".taxiway-init-", dir=folder) as scratch:
            _write_all(Path(scratch, "new"), contents)
            _move_all(Path(scratch, "new"), folder, Path(scratch, "old"), list(contents))
    except OSError as error:
        raise InfrastructureError(
            f"{error.filename or folder}: cannot be written: {error.strerror}.",
            "choose another folder with --dir",
        ) from error


def _write_all(folder: Path, contents: Mapping[str, str]) -> None:
    for name, text in contents.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _move_all(new: Path, folder: Path, old: Path, names: list[str]) -> None:
    """Move the new files to their folder; if one cannot be moved, undo the others."""
    made: list[Path] = []
    moved: list[str] = []
    try:
        for name in names:
            target = folder / name
            made += _make_parents(target.parent, folder)
            if os.path.lexists(target):
                (old / name).parent.mkdir(parents=True, exist_ok=True)
                target.rename(old / name)
            moved.append(name)
            (new / name).rename(target)
    except BaseException:
        for name in moved:
            (folder / name).unlink(missing_ok=True)
            if os.path.lexists(old / name):
                (old / name).rename(folder / name)
        for parent in reversed(made):
            shutil.rmtree(parent, ignore_errors=True)
        raise


def _make_parents(parent: Path, folder: Path) -> list[Path]:
    missing = [path for path in (parent, *parent.parents) if not path.exists()]
    missing = [path for path in missing if path.is_relative_to(folder)]
    parent.mkdir(parents=True, exist_ok=True)
    return list(reversed(missing))
