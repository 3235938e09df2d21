"""Folders that are slow to fill, kept from one run of the tests to the next.

They are under `$XDG_CACHE_HOME/taxiway-tests`, by default `~/.cache/taxiway-tests`, and named by
a hash of what they are made from. An empty cache is filled; it may be removed at any time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_UNUSED_SECONDS = 7 * 24 * 3600


def made_once(name: str, inputs: list[Path], make: Callable[[Path], None]) -> Path:
    """Return a folder that no test changes, and make it when it is not in the cache.

    Args:
      name: of the kind of folder.
      inputs: files that it is made from.
      make: function that makes the folder at a path; it is renamed afterwards.

    Returns:
      The folder.
    """
    folder = _folder(name, inputs)
    with _locked(folder.with_suffix(".lock")):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(folder)
        os.utime(folder)
    _remove_unused(folder.parent)
    return folder


@contextmanager
def borrowed(
    name: str, inputs: list[Path], kept: tuple[str, ...], otherwise: Path
) -> Iterator[Path]:
    """Lend a folder in which some files stay for the next borrower.

    Args:
      name: of the kind of folder.
      inputs: files that what is kept is made from.
      kept: names of what stays; everything else is removed before and after.
      otherwise: path of a new folder, for use while another process has borrowed the first.

    Yields:
      The folder.
    """
    folder = _folder(name, inputs)
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked(folder.with_suffix(".lock"), fcntl.LOCK_NB))
        except BlockingIOError:
            folder, kept = otherwise, ()
        folder.mkdir(exist_ok=True)
        os.utime(folder)
        stack.callback(_clear, folder, kept)
        _clear(folder, kept)
        yield folder
    if folder != otherwise:
        _remove_unused(folder.parent)


def _clear(folder: Path, kept: tuple[str, ...]) -> None:
    for path in folder.iterdir():
        if path.name in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _folder(name: str, inputs: list[Path]) -> Path:
    digest = hashlib.sha256(f"{sys.version}\0{sys.base_prefix}".encode())
    for file in inputs:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taxiway-tests"
    cache.mkdir(parents=True, exist_ok=True)
    return cache / f"{name}-{digest.hexdigest()[:16]}"


@contextmanager
def _locked(file: Path, more: int = 0) -> Iterator[None]:
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | more)
        yield


def _remove_unused(cache: Path) -> None:
    """Remove the folders that no test has used for a week."""
    for folder in cache.iterdir():
        with suppress(OSError):  # another process uses, renames or removes it now
            if folder.is_file() or time.time() - folder.stat().st_mtime < _UNUSED_SECONDS:
                continue
            with _locked(folder.with_suffix(".lock"), fcntl.LOCK_NB):
                shutil.rmtree(folder)
