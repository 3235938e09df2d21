"""Real rows to call a model with."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import tfrecords
from pipeline.components import names
from pipeline.errors import UsageError
from pipeline.runs import records
from pipeline.runs.records import UnreadableRecord
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace

Row = Mapping[str, Any]

# Rows to choose from. Rows spread over many differ more than neighbours do.
_CANDIDATES = 20_000


def load_file(file: Path, settings: Settings, count: int) -> list[Row]:
    """Return rows of a file, which is read as a run reads it.

    Args:
      file: the file to read.
      settings: settings of the pipeline, which name the schema file.
      count: number of rows to return; rows repeat when the file has fewer.

    Raises:
      UsageError: the file cannot be read or is empty.
      DataRefused: the file is malformed.
    """
    from pipeline.project import files
    from pipeline.sources import Label
    from pipeline.sources.files.file_rows import load_rows
    from schema import columns

    types = columns.types(files.curated_schema(settings))
    label = files.label(settings)
    try:
        rows = load_rows(
            file, settings.source, types, Label(*label) if label else None, limit=_CANDIDATES
        )
        candidates = list(itertools.islice(rows, _CANDIDATES))
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{error}.", "taxiway size --help") from error
    return _spread(candidates, count, str(file))


def load_eval_split(workspace: Workspace, count: int) -> list[Row]:
    """Return rows of the eval split of the newest run that has one.

    Args:
      workspace: workspace of the runs.
      count: number of rows to return; rows repeat when the split has fewer.

    Raises:
      UsageError: no run has an eval split.
    """
    for record in records.newest_first(workspace.runs):
        if isinstance(record, UnreadableRecord):
            continue
        examples = record.outputs.get(names.EXAMPLE_GEN, {}).get("examples")
        files = sorted(Path(examples.uri).glob("Split-eval/*")) if examples else []
        if files:
            return _spread(_read_examples(files), count, f"{files[0].parent}")
    raise UsageError(
        f"{workspace.root}: no run has left rows to call the model with.",
        "taxiway run, or name a file of rows with --csv",
    )


def _read_examples(files: list[Path]) -> list[Row]:
    return [_parse(example) for example in tfrecords.read(files, _CANDIDATES)]


def _parse(example: bytes) -> Row:
    from tensorflow.core.example import example_pb2

    row = {}
    for name, feature in example_pb2.Example.FromString(example).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else ()
        if values:
            first = values[0]
            row[name] = first.decode() if isinstance(first, bytes) else first
    return row


def _spread(rows: list[Row], count: int, source: str) -> list[Row]:
    if not rows:
        raise UsageError(f"{source}: there are no rows in it.", "name a file of rows with --csv")
    step = max(1, len(rows) // count)
    return list(itertools.islice(itertools.cycle(rows[::step]), count))
