"""ExampleGen's work for Beam's workers: a file, then a shard, at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import apache_beam as beam
import pyarrow as pa

from pipeline import shards
from pipeline.errors import InfrastructureError

# Which file, which batch of it, and the rows; what a worker sends to the one that writes a shard.
_Part = tuple[int, int, bytes]


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
                | f"Deal[{name}]" >> beam.ParDo(_Deal(parts))
            )
            # A shard that no row falls to is written too.
            empty = pipeline | f"Shards[{name}]" >> beam.Create(
                [(shard, (0, -1, b"")) for shard in range(parts)]
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
    def __init__(self, parts: int) -> None:
        self._parts = parts

    def process(self, element: tuple[int, str]) -> Iterator[tuple[int, _Part]]:
        number, file = element
        for at, (shard, batch) in enumerate(shards.deal(Path(file), number, self._parts)):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            yield shard, (number, at, sink.getvalue().to_pybytes())


@beam.typehints.with_input_types(tuple[int, Iterable[_Part]])
@beam.typehints.with_output_types(int)
class _Write(beam.DoFn):
    def __init__(self, folder: str, parts: int, scratch: str) -> None:
        self._folder = folder
        self._parts = parts
        self._scratch = scratch

    def process(self, element: tuple[int, Iterable[_Part]]) -> Iterator[int]:
        shard, parts = element
        tables = [
            pa.ipc.open_stream(content).read_all() for *_, content in sorted(parts) if content
        ]
        table = pa.concat_tables(tables) if tables else pa.table({})
        shards.write(table, Path(self._folder), shard, self._parts, Path(self._scratch))
        yield len(table)
