"""Read spans with the origin of every row, also spans that are the user's own files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.sources.base import FILE_COLUMN, PROVENANCE, ROW_COLUMN
from pipeline.sources.files.database import path_literal
from pipeline.sources.sql import identifier, text
from serving.storage import local

_FILE = "sources.json"


def read(folder: Path) -> dict[str, str]:
    """Return the names of the source's files, by the path of a link to the file.

    Args:
      folder: folder of a span in a layout.
    """
    file = folder / _FILE
    content: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return content


def write(folder: Path, names: Mapping[str, str]) -> None:
    """Keep the names of the source's files.

    Args:
      folder: folder of a span in a layout.
      names: name of the source's file by the path of a link relative to the folder; none for a
        file that has the columns of `PROVENANCE`.
    """
    local.replace_file(folder / _FILE, json.dumps(names, indent=2, ensure_ascii=False) + "\n")


def rows(files: list[Path]) -> str:
    """Return the SQL of the rows of a split, with the columns of `PROVENANCE`.

    Args:
      files: the split's Parquet files.
    """
    return " UNION ALL BY NAME ".join(map(_rows, files))


def _rows(file: Path) -> str:
    columns = pq.read_schema(file).names
    scan = f"read_parquet({path_literal(file)}, hive_partitioning = false"
    selected = ", ".join(identifier(name) for name in columns if name not in PROVENANCE)
    if FILE_COLUMN in columns:
        return f"(SELECT {selected}, {', '.join(PROVENANCE)} FROM {scan}))"
    name = read(file.parents[1]).get(f"{file.parent.name}/{file.name}", "")
    return (
        f"(SELECT {selected}, {text(name)} AS {FILE_COLUMN}, file_row_number + 1 AS {ROW_COLUMN} "
        f"FROM {scan}, file_row_number = true))"
    )
