"""Files on a local disk that survive a power cut.

Every step is one call of `os` or `Path`, so that tests can stop it or make it fail there.
"""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from serving.frozen import FrozenModel

# First letters of the name of a file that is not complete yet; readers skip hidden files.
UNFINISHED = ".unfinished-"

_CHUNK = 1 << 20


class FileEntry(FrozenModel):
    """Size and hash of a file.

    Args:
      sha256: SHA-256 of the content, in hexadecimal digits.
      bytes: size of the content.
    """

    sha256: str
    bytes: int


def hash_file(file: Path) -> FileEntry:
    """Hash a file.

    Args:
      file: regular file.

    Returns:
      Its size and hash.

    Raises:
      OSError: the file cannot be read.
    """
    return _read(file, None)


def copy(source: Path, target: Path) -> FileEntry:
    """Copy a file to a new name and flush it to the disk.

    Args:
      source: regular file to read.
      target: file to create; it must not exist.

    Returns:
      Size and hash of the content that was read, which the target must have.

    Raises:
      OSError: a file cannot be read or written.
    """
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        entry = _read(source, handle)
        os.fsync(handle)
    finally:
        os.close(handle)
    return entry


def write(target: Path, content: str | bytes) -> None:
    """Write a new file and flush it to the disk.

    Args:
      target: file to create; it must not exist.
      content: content of the file; text is encoded as UTF-8.

    Raises:
      OSError: the file cannot be written.
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
    """Create a folder and its missing parents, so that they survive a power cut.

    Args:
      folder: folder to create.

    Raises:
      OSError: the folder cannot be created.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        with suppress(FileExistsError):  # another process was faster
            path.mkdir()
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk.

    Args:
      folder: folder in which files were created, renamed or removed.

    Raises:
      OSError: the entries cannot be flushed.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network mounts cannot flush folders, because they write the entries at once.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def _read(source: Path, target: int | None) -> FileEntry:
    digest, size = hashlib.sha256(), 0
    # A link that replaced the file since it was listed is not followed.
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
    remaining = memoryview(content)
    while remaining:
        remaining = remaining[os.write(handle, remaining) :]
