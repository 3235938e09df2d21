"""The vocabularies of text columns: names of their files, and the values in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow_transform as tft

# A vocabulary is a file of lines, so a line break is written as a byte that UTF-8 does not have.
LINE_BREAKS = ((b"\n", b"\xfe"), (b"\r", b"\xff"))

_SAFE = re.compile(r"[a-z][a-z0-9_]{0,63}")

# TensorFlow cannot initialize an empty table, so TensorFlow Transform writes this value to it.
_EMPTY = b"49d0cd50-04bb-48c0-bc6f-5b575dce351a"


def key(column: str) -> str:
    """Return the name of a column's vocabulary, which is valid and unique on every file system.

    Args:
      column: name of the column.

    Returns:
      The name itself if it has only lower-case letters, digits and underscores, otherwise a part
      of it and a digest.
    """
    if _SAFE.fullmatch(column):
        return column
    readable = re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")[:32] or "column"
    return f"{readable}-{hashlib.sha256(column.encode()).hexdigest()[:12]}"


def positions(graph: tft.TFTransformOutput, column: str) -> int:
    """Return the number of positions of a text column, with the position of unknown values.

    Args:
      graph: output of the Transform component.
      column: name of the column.

    Raises:
      ValueError: there is no vocabulary of the column.
    """
    # A user's own preprocessing may give the vocabulary the name of the column.
    name = key(column) if graph.vocabulary_file_by_name(key(column)) else column
    return int(graph.vocabulary_size_by_name(name)) + 1


def read(assets: Path, column: str) -> list[bytes]:
    """Return the values of a vocabulary in the order of their positions.

    Args:
      assets: folder of the assets of a transform graph or of a model.
      column: name of the column.

    Returns:
      The values; if every value of the column is rare, one value that no row has.

    Raises:
      OSError: there is no vocabulary of the column.
    """
    file = assets / key(column)
    # The file of an earlier release has the column's own name.
    return _values(file if file.exists() else assets / column)


def sizes(assets: Path, columns: Iterable[str]) -> dict[str, int]:
    """Return the number of values in every vocabulary of a folder.

    Args:
      assets: folder of the assets of a transform graph.
      columns: names of the raw columns.

    Returns:
      Numbers by column; a vocabulary of a user's own code has the name of its file.
    """
    names = {key(column): column for column in columns}
    counts = {}
    for file in sorted(assets.glob("*")):
        values = _values(file)
        counts[names.get(file.name, file.name)] = 0 if values == [_EMPTY] else len(values)
    return counts


def _values(file: Path) -> list[bytes]:
    lines = file.read_bytes().splitlines()
    for character, byte in LINE_BREAKS:
        lines = [line.replace(byte, character) for line in lines]
    return lines
