"""ExampleGen's work for Beam's workers: a row group, then a shard, at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import apache_beam as beam
import pyarrow as pa

from pipeline.components.example_gen import shards
from pipeline.errors import InfrastructureError

# Which file and row group, where its rows lie now, and which batches there; what a worker sends to
# the one that writes a shard. Rows themselves go by the workspace, which all see: an engine would
# keep a whole shard in its memory to hand it over.
_Part = tuple[int, int, str, list[int]]


def write_examples_with(
    pipeline: beam.Pipeline,
    splits: Mapping[str, tuple[Sequence[Path], Path]],
    shard_bytes: float,
) -> None:
    """Run a pipeline that writes the examples of all splits.

    Args:
      pipeline: empty; its workers see the files and folders where this process does.
      splits: by name, the Parquet files and the folder for the shards.
      shard_bytes: uncompressed data in a shard, the most that a worker holds in memory.

    Raises:
      DataRefused: a file is not Parquet, or a column has a type an Example cannot hold.
      InfrastructureError: the engine was done, and shards are missing.
    """
    written: dict[Path, int] = {}
    with ExitStack() as scratches, pipeline:
        for name, (files, folder) in splits.items():
            folder.mkdir(parents=True, exist_ok=True)
            # When this ends early, workers may still write there; TFX removes the whole folder.
            scratch = scratches.enter_context(
                TemporaryDirectory(dir=folder, prefix=".shuffle-", ignore_cleanup_errors=True)
            )
            parts = written[folder] = shards.count(files, shard_bytes)
            dealt = (
                pipeline
                | f"RowGroups[{name}]"
                >> beam.Create([tuple(each) for each in shards.row_groups(files)])
                | f"Share[{name}]" >> beam.Reshuffle()
                | f"Deal[{name}]" >> beam.ParDo(_Deal(parts, scratch))
            )
            # A shard that no row falls to is written too.
            empty = pipeline | f"Shards[{name}]" >> beam.Create(
                [(shard, (0, 0, "", [])) for shard in range(parts)]
            )
            _ = (
                (dealt, empty)
                | f"Both[{name}]" >> beam.Flatten()
                | f"ByShard[{name}]" >> beam.GroupByKey()
                | f"Write[{name}]" >> beam.ParDo(_Write(str(folder), parts, scratch))
            )
    for folder, parts in written.items():
        found = sum(file.is_file() for file in folder.iterdir())
        if found != parts:
            raise InfrastructureError(
                f"the engine says it is done, and {folder} has {found} files of examples, "
                f"not {parts}: do its workers see the same workspace?",
                "see docs/engines.md",
            )


@beam.typehints.with_input_types(tuple[str, int, int])
@beam.typehints.with_output_types(tuple[int, _Part])
class _Deal(beam.DoFn):
    def __init__(self, parts: int, scratch: str) -> None:
        self._parts = parts
        self._scratch = scratch

    def process(self, element: tuple[str, int, int]) -> Iterator[tuple[int, _Part]]:
        rows = shards.RowGroup(*element)
        # The same rows may be dealt twice at once, when a worker that seemed lost comes back.
        dealt = f"{self._scratch}/{rows.number}-{rows.group}-{uuid.uuid4().hex}.arrow"
        batches: dict[int, list[int]] = {}
        with pa.ipc.new_file(dealt, shards.schema_of(Path(rows.file))) as writer:
            for at, (shard, batch) in enumerate(shards.deal(rows, self._parts)):
                writer.write_batch(batch)
                batches.setdefault(shard, []).append(at)
        for shard, own in batches.items():
            yield shard, (rows.number, rows.group, dealt, own)


@beam.typehints.with_input_types(tuple[int, Iterable[_Part]])
class _Write(beam.DoFn):
    def __init__(self, folder: str, parts: int, scratch: str) -> None:
        self._folder = folder
        self._parts = parts
        self._scratch = scratch

    def process(self, element: tuple[int, Iterable[_Part]]) -> None:
        shard, parts = element
        with ExitStack() as opened:
            batches = []
            for _, _, dealt, own in sorted(parts):
                if own:
                    lies = pa.ipc.open_file(opened.enter_context(pa.memory_map(dealt)))
                    batches += [lies.get_batch(at) for at in own]
            table = pa.Table.from_batches(batches) if batches else pa.table({})
            shards.write(table, Path(self._folder), shard, self._parts, Path(self._scratch))
