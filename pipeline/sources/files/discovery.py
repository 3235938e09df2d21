"""Discover the data files in a folder, and every entry that is left out."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from pipeline.errors import UsageError

Format = Literal["CSV", "Parquet", "JSON lines", "Arrow", "TFRecord"]
Compression = Literal["", "gzip", "zstd"]

_FORMATS: dict[str, Format] = {
    ".csv": "CSV", ".tsv": "CSV", ".parquet": "Parquet", ".pq": "Parquet", ".jsonl": "JSON lines",
    ".ndjson": "JSON lines", ".arrow": "Arrow", ".feather": "Arrow", ".ipc": "Arrow",
    ".tfrecord": "TFRecord",
}  # fmt: skip
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
_COMPRESSIBLE: dict[Format, tuple[Compression, ...]] = {
    "CSV": ("", "gzip", "zstd"),
    "JSON lines": ("", "gzip", "zstd"),
    "TFRecord": ("", "gzip"),
    "Parquet": ("",),
    "Arrow": ("",),
}
SUPPORTED = ".csv, .tsv, .jsonl and .ndjson (also with .gz or .zst), .parquet, .pq, .arrow, " \
    ".feather, .ipc, .tfrecord and .tfrecord.gz"  # fmt: skip
# Writers of partitioned tables, such as Spark, name a file's parts so.
_PART = re.compile(r"part[-_.]?\d", re.IGNORECASE)
_HIDDEN = (".", "_")
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_MAX_NAMED = 5


@dataclass(frozen=True)
class DataFile:
    """A file of rows.

    Args:
      path: path to open.
      name: path relative to the source's folder, for messages and for the rows' provenance.
      format: format of the file.
      compression: compression of the file; "" for none, or a format that compresses itself.
      table: name of the table: `name`, or the folder's if the file is one part of a table.
      partitions: names and values in Hive's folders, such as `city=Seoul`; default none.
    """

    path: Path
    name: str
    format: Format
    compression: Compression
    table: str
    partitions: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class Discovery:
    """The content of a source's folder.

    Args:
      files: files of rows, sorted by name.
      left_out: names of the entries that are not read, folders with a slash.
    """

    files: tuple[DataFile, ...]
    left_out: tuple[str, ...]

    def describe_left_out(self) -> str:
        """Return the first names that are left out and the number of the others; "" for none."""
        if not self.left_out:
            return ""
        others = len(self.left_out) - _MAX_NAMED
        names = ", ".join(map(printable, self.left_out[:_MAX_NAMED]))
        return f"left out: {names}" + (f" and {others:,} more" if others > 0 else "")


def discover(path: Path, excluded: Collection[Path] = ()) -> Discovery:
    """Find the files of one format in a folder and its sub-folders.

    Names that begin with `.` or `_` are left out, as are files of other formats. A file that has
    several names is read once. Linked folders are followed once.

    Args:
      path: folder of the files, or one file.
      excluded: folders that are left out, such as the workspace; default none.

    Returns:
      The files, and what is left out.

    Raises:
      UsageError: there are no such files, or they have several formats, or a folder cannot be
        read.
    """
    files, left_out = [path], list[str]()
    try:
        if not path.is_file():
            files, left_out = _walk(path, {_identity(entry) for entry in excluded})
    except OSError as error:
        raise UsageError(
            f"{printable(error.filename or path)}: cannot be read: {error.strerror}.",
            "check source.path and its permissions",
        ) from error
    base = path.parent if path.is_file() else path
    chosen: list[DataFile] = []
    for file in files:
        data_file = _data_file(file, base)
        if data_file is None:
            left_out.append(_relative(file, base))
        else:
            chosen.append(data_file)
    discovery = Discovery(tuple(sorted(chosen, key=lambda file: file.name)), tuple(left_out))
    _check(path, discovery)
    return discovery


def printable(name: str | Path) -> str:
    """Return a name without characters that a terminal or a UTF-8 file cannot show.

    Args:
      name: name of a file.
    """
    text = str(name)
    return text if text.isprintable() else ascii(text)[1:-1]


def _walk(path: Path, excluded: Collection[tuple[int, int] | None]) -> tuple[list[Path], list[str]]:
    """Return the regular files below a folder, once each, and the names that are left out."""
    files: list[Path] = []
    left_out: list[str] = []
    visited: set[tuple[int, int]] = set()
    # Links come last, so a file is read under its own name and not under a link's.
    folders, links = deque([path]), deque[Path]()
    while folders or links:
        entry = folders.popleft() if folders else links.popleft()
        name = _relative(entry, path)
        if not entry.exists():
            if not entry.is_symlink() and entry == path:
                raise UsageError(f"{printable(path)}: no such file or folder.", "fix source.path")
            left_out.append(f"{name} (a link to nothing)")
            continue
        status = entry.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in visited:
            left_out.append(f"{name}{'/' * entry.is_dir()} (the same as another name)")
            continue
        if entry.is_dir():
            if identity in excluded:
                left_out.append(f"{name}/")
                continue
            visited.add(identity)
            for child in _children(entry):
                if child.name.startswith(_HIDDEN):
                    left_out.append(f"{_relative(child, path)}{'/' * child.is_dir()}")
                else:
                    (links if child.is_symlink() else folders).append(child)
        elif entry.is_file():
            visited.add(identity)
            files.append(entry)
        else:
            left_out.append(name)
    return files, left_out


def _children(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        yield from sorted(Path(entry.path) for entry in entries)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _data_file(file: Path, base: Path) -> DataFile | None:
    suffixes = [suffix.lower() for suffix in file.suffixes[-2:]]
    compression = _COMPRESSIONS.get(suffixes[-1], "") if suffixes else ""
    if compression:
        suffixes.pop()
    kind = _FORMATS.get(suffixes[-1]) if suffixes else None
    if kind is None or compression not in _COMPRESSIBLE[kind]:
        return None
    name = printable(_relative(file, base))
    folder = Path(name).parent
    is_part = folder != Path() and (
        _PART.match(file.name) is not None or folder.suffix.lower() in _FORMATS
    )
    return DataFile(
        file, name, kind, compression, str(folder) if is_part else name, _partitions(folder)
    )


def _partitions(folder: Path) -> tuple[tuple[str, str | None], ...]:
    pairs = [part.partition("=") for part in folder.parts]
    return tuple(
        (unquote(key), None if value == _NULL_PARTITION else unquote(value))
        for key, separator, value in pairs
        if key and separator
    )


def _relative(file: Path, base: Path) -> str:
    return str(file.relative_to(base))


def _check(path: Path, discovery: Discovery) -> None:
    if not discovery.files:
        content = discovery.describe_left_out() or "the folder is empty"
        raise UsageError(
            f"{printable(path)}: no files of a supported format; {content}.",
            f"check source.path; supported are {SUPPORTED}",
        )
    first = discovery.files[0]
    for file in discovery.files:
        if file.format != first.format:
            raise UsageError(
                f"{printable(path)}: the formats are mixed: {printable(first.name)} is "
                f"{first.format}, {printable(file.name)} is {file.format}.",
                "keep the files of one format",
            )
