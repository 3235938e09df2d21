"""Files that outlive a power cut, and are what they are said to be.

Each step is one call of `os` or `Path`, at which the tests can stop or fail it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from serving.errors import DamagedModel
from serving.store.manifest import NAME as MANIFEST
from serving.store.manifest import FileEntry

# First letters of the name of a file that is not complete yet; readers skip hidden files.
UNFINISHED = ".unfinished-"

_CHUNK = 1 << 20


def listing(folder: Path) -> list[Path]:
    """List the regular files in a folder and below, sorted, as relative paths.

    Args:
      folder: a model's.

    Returns:
      The files.

    Raises:
      DamagedModel: the folder is none, or holds what is neither file nor folder.
    """
    if not folder.is_dir():
        raise DamagedModel(folder, "no such folder, a SavedModel was expected", _EXPORT)
    found = []
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        # A link leads out of the version, to what can change after it was verified.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "no regular file"
            raise DamagedModel(path, f"{kind}; only files and folders are published", _EXPORT)
        if stat.S_ISREG(mode):
            found.append(path.relative_to(folder))
    return found


_EXPORT = "export the model again"


def names(folder: Path) -> list[Path]:
    """List a model's files as `listing` does; the manifest is no part of the model.

    Raises:
      DamagedModel: there are none.
    """
    found = [name for name in listing(folder) if name != Path(MANIFEST)]
    if not found:
        raise DamagedModel(folder, "an empty folder, a SavedModel was expected", "export it again")
    return found


def content(folder: Path) -> dict[str, FileEntry]:
    """Hash a model's files.

    Raises:
      DamagedModel: there are none, or there is what is no file.
    """
    return {name.as_posix(): entry(folder / name) for name in names(folder)}


def entry(file: Path) -> FileEntry:
    """Hash a file."""
    return _read(file, None)


def copy(source: Path, target: Path) -> FileEntry:
    """Copy a file to a new name and flush it to the disk.

    Args:
      source: a regular file.
      target: must not exist.

    Returns:
      What was read, which is what the target must be.

    Raises:
      OSError: the file could not be read or written.
    """
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        found = _read(source, handle)
        os.fsync(handle)
    finally:
        os.close(handle)
    return found


def write(target: Path, content: str | bytes) -> None:
    """Write a new file and flush it to the disk.

    Args:
      target: must not exist.
      content: of the file.

    Raises:
      OSError: the file could not be written.
    """
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        _write(handle, content.encode() if isinstance(content, str) else content)
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: str | bytes, mode: int | None = None) -> None:
    """Replace a file in one step, so that readers see the old content or the new, never a part.

    Args:
      path: file to create or replace; its folder must exist.
      content: new content; text is encoded as UTF-8.
      mode: permission bits of the new file; default 0o666 without the bits of the umask.

    Raises:
      OSError: the file cannot be written; the old file is unchanged.
    """
    with replacement(path) as sibling:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        handle = os.open(sibling, flags, 0o666 if mode is None else mode)
        try:
            if mode is not None:
                os.fchmod(handle, mode)  # os.open drops the bits of the umask
            _write(handle, content.encode() if isinstance(content, str) else content)
        finally:
            os.close(handle)


@contextmanager
def replacement(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to the final path on success.

    For writers that need a file name, such as TensorFlow's; `replace_file` takes the content.
    The temporary name ends with the final one, because some writers read the format from it. Its
    random part keeps two processes that replace the same file from writing to the same sibling.

    Args:
      path: file to create or replace; its folder must exist.
      folder: folder of the temporary file, on the same file system; default: the path's folder.

    Yields:
      The temporary path. Nothing exists there yet.

    Raises:
      OSError: the file cannot be written; the old file is unchanged.
    """
    sibling = (folder or path.parent) / f"{UNFINISHED}{uuid.uuid4().hex[:12]}-{path.name}"
    try:
        yield sibling
        handle = os.open(sibling, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        sibling.replace(path)
    except BaseException:
        sibling.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes left of a file that they were replacing.

    The caller holds the lock under which the file is written, so no live process is writing it.

    Args:
      path: file that `replace_file` writes.

    Raises:
      OSError: a file cannot be removed.
    """
    for sibling in path.parent.glob(f"{UNFINISHED}*-{path.name}"):
        sibling.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents where missing, so that they outlive a power cut.

    Args:
      folder: to make.

    Raises:
      OSError: the folder could not be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):  # another publisher was quicker
            each.mkdir()
        flush_folder(each.parent)


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk.

    Args:
      folder: whose names.

    Raises:
      OSError: the disk did not take them.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network mounts have no such call for folders, and flush their names at once.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def _read(source: Path, target: int | None) -> FileEntry:
    digest, size = hashlib.sha256(), 0
    # A link that took the file's place since it was listed is not followed.
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        while chunk := os.read(handle, _CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if target is not None:
                _write(target, chunk)
    finally:
        os.close(handle)
    return FileEntry(sha256=digest.hexdigest(), bytes=size)


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]
