"""Explain failures of the machine: a full disk, too little memory, locked or read-only files."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator

_AGAIN = "and run again; completed components are not repeated"

# Libraries raise errors of their own, without an error number, for what the system refused.
_DISK = ("no space left on device", "disk is full", "disk quota exceeded")
_MEMORY = (
    "cannot allocate memory",
    "bad_alloc",
    "can't start new thread",
    "out of memory",
    "failed to map segment",
    "oom when allocating",
)
_LOCKED = ("database is locked",)
_READ_ONLY = ("read-only file system", "readonly database")


def explain(error: BaseException) -> tuple[str, str] | None:
    """Return what the machine lacks and the next step; None for other errors.

    Args:
      error: error that ended a step.
    """
    for cause in _chain(error):
        text = str(cause).lower()
        number = cause.errno if isinstance(cause, OSError) else None
        if number in (errno.ENOSPC, errno.EDQUOT) or _has(text, _DISK):
            file = getattr(cause, "filename", None)
            on = f": {os.fsdecode(file)}" if isinstance(file, str | bytes) else ""
            return (
                f"the disk is full{on}",
                f"free disk space (`taxiway registry gc` removes old artifacts), {_AGAIN}",
            )
        if isinstance(cause, MemoryError) or number == errno.ENOMEM or _has(text, _MEMORY):
            return f"there is too little memory{_limit()}", f"{_more_memory()}, {_AGAIN}"
        if _has(text, _LOCKED):
            return (
                "another program has locked the database of ML Metadata",
                f"close the program that has metadata/metadata.sqlite open, {_AGAIN}",
            )
        if number == errno.EROFS or _has(text, _READ_ONLY):
            return "its file system is read-only", f"make it writable, {_AGAIN}"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, once each."""
    visited: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in visited:
        visited.add(id(current))
        yield current
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def _has(text: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in text for phrase in phrases)


def _limit() -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return ""
    return f"; the limit of this shell is {limit // 1024:,} kB of address space (ulimit -v)"


def _more_memory() -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        return "type `ulimit -v unlimited` in a new shell"
    return "free memory, or set a smaller source.window or train.batch_size"
