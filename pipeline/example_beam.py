"""ExampleGen's work for Beam's workers: a file, then a shard, at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import apache_beam as beam
import pyarrow as pa

from pipeline import shards
from pipeline.errors import InfrastructureError

# Which input file, where its rows lie now, and which batches there; what a worker sends to the one
# that writes a shard. Rows themselves go by the workspace, which all see: an engine would keep a
# whole shard in its memory to hand it over.
_Part = tuple[int, str, list[int]]


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
            scratch = scratches.enter_context(TemporaryDirectory(dir=folder, prefix=".shuffle-"))
            parts = written[folder] = shards.count(files, shard_bytes)
            dealt = (
                pipeline
                | f"Files[{name}]"
                >> beam.Create([(at, str(file)) for at, file in enumerate(files)])
                | f"Share[{name}]" >> beam.Reshuffle()
                | f"Deal[{name}]" >> beam.ParDo(_Deal(parts, scratch))
            )
            # A shard that no row falls to is written too.
            empty = pipeline | f"Shards[{name}]" >> beam.Create(
                [(shard, (0, "", [])) for shard in range(parts)]
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


@beam.typehints.with_input_types(tuple[int, str])
@beam.typehints.with_output_types(tuple[int, _Part])
class _Deal(beam.DoFn):
    def __init__(self, parts: int, scratch: str) -> None:
        self._parts = parts
        self._scratch = scratch

    def process(self, element: tuple[int, str]) -> Iterator[tuple[int, _Part]]:
        number, file = element
        # The same file may be dealt twice at once, when a worker that seemed lost comes back.
        dealt = f"{self._scratch}/{number}-{uuid.uuid4().hex}.arrow"
        batches: dict[int, list[int]] = {}
        with pa.ipc.new_file(dealt, shards.schema_of(Path(file))) as writer:
            for at, (shard, batch) in enumerate(shards.deal(Path(file), number, self._parts)):
                writer.write_batch(batch)
                batches.setdefault(shard, []).append(at)
        for shard, own in batches.items():
            yield shard, (number, dealt, own)


@beam.typehints.with_input_types(tuple[int, Iterable[_Part]])
@beam.typehints.with_output_types(int)
class _Write(beam.DoFn):
    def __init__(self, folder: str, parts: int, scratch: str) -> None:
        self._folder = folder
        self._parts = parts
        self._scratch = scratch

    def process(self, element: tuple[int, Iterable[_Part]]) -> Iterator[int]:
        shard, parts = element
        with ExitStack() as opened:
            batches = []
            for _, dealt, own in sorted(parts):
                if own:
                    lies = pa.ipc.open_file(opened.enter_context(pa.memory_map(dealt)))
                    batches += [lies.get_batch(at) for at in own]
            table = pa.Table.from_batches(batches) if batches else pa.table({})
            shards.write(table, Path(self._folder), shard, self._parts, Path(self._scratch))
        yield len(table)
