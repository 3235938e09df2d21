"""Real rows to call a model with."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import tfrecords
from pipeline.errors import UsageError
from pipeline.runs import records
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace

Row = Mapping[str, Any]

# Looked at, to choose from; spread over them, rows differ more than neighbours do.
_LOOKED_AT = 20_000


def of_file(file: Path, settings: Settings, count: int) -> list[Row]:
    """Return rows of a CSV, Parquet or JSON-lines file.

    Args:
      file: to read.
      settings: name the schema.
      count: how many.

    Raises:
      UsageError: it cannot be read, or is empty.
    """
    from pipeline.project.files import curated_schema
    from schema import requests

    try:
        rows = requests.load_rows(file, curated_schema(settings))
        found = list(itertools.islice(rows, _LOOKED_AT))
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{error}.", "taxiway size --help") from error
    return _spread(found, count, str(file))


def of_workspace(workspace: Workspace, count: int) -> list[Row]:
    """Return rows of the eval split that the newest run with data was judged on.

    Args:
      workspace: of the runs.
      count: how many.

    Raises:
      UsageError: there is none.
    """
    for record in reversed(records.read_all(workspace.runs).values()):
        examples = record.outputs.get("ExampleGen", {}).get("examples")
        files = sorted(Path(examples.uri).glob("Split-eval/*")) if examples else []
        if files:
            return _spread(_of_examples(files), count, f"{files[0].parent}")
    raise UsageError(
        f"{workspace.root}: no run has left rows to call the model with.",
        "taxiway run, or name a file of rows with --csv",
    )


def _of_examples(files: list[Path]) -> list[Row]:
    return [_row(record) for record in tfrecords.read(files, _LOOKED_AT)]


def _row(record: bytes) -> Row:
    from tensorflow.core.example import example_pb2

    found = {}
    for name, feature in example_pb2.Example.FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else ()
        if values:
            first = values[0]
            found[name] = first.decode() if isinstance(first, bytes) else first
    return found


def _spread(rows: list[Row], count: int, where: str) -> list[Row]:
    if not rows:
        raise UsageError(f"{where}: there are no rows in it.", "name a file of rows with --csv")
    step = max(1, len(rows) // count)
    # Fewer than asked for are taken more than once.
    return list(itertools.islice(itertools.cycle(rows[::step]), count))
