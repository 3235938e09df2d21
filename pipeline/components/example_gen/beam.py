"""Write ExampleGen's shards on Beam workers, one row group and then one shard at a time."""

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

# An engine would keep a whole shard in memory to shuffle it, so rows are exchanged through files in
# the workspace. For one shard: index of the Parquet file, index of the row group, the spill file,
# and the indexes of the shard's batches in it.
_Partition = tuple[int, int, str, list[int]]


def write_examples_with(
    pipeline: beam.Pipeline,
    splits: Mapping[str, tuple[Sequence[Path], Path]],
    shard_bytes: float,
) -> None:
    """Run a pipeline that writes the examples of all splits.

    Args:
      pipeline: an empty pipeline, whose workers see files under the same paths as this process.
      splits: Parquet files and the folder of the shards, by name of the split.
      shard_bytes: bytes of uncompressed data in a shard, which a worker keeps in memory.

    Raises:
      DataRefused: a file is not a Parquet file, or a column has a type that tf.Examples do not
        support.
      InfrastructureError: the engine reports success, but shards are missing.
    """
    shard_counts: dict[Path, int] = {}
    with ExitStack() as scratches, pipeline:
        for name, (files, folder) in splits.items():
            folder.mkdir(parents=True, exist_ok=True)
            # Workers may still write after an early end, so errors are ignored; TFX removes the
            # whole folder.
            scratch = scratches.enter_context(
                TemporaryDirectory(dir=folder, prefix=".shuffle-", ignore_cleanup_errors=True)
            )
            count = shard_counts[folder] = shards.count(files, shard_bytes)
            partitions = (
                pipeline
                | f"RowGroups[{name}]"
                >> beam.Create([tuple(group) for group in shards.row_groups(files)])
                | f"Distribute[{name}]" >> beam.Reshuffle()
                | f"Partition[{name}]" >> beam.ParDo(_Partitioner(count, scratch))
            )
            # A shard without rows is written too.
            empty = pipeline | f"Shards[{name}]" >> beam.Create(
                [(shard, (0, 0, "", [])) for shard in range(count)]
            )
            _ = (
                (partitions, empty)
                | f"All[{name}]" >> beam.Flatten()
                | f"ByShard[{name}]" >> beam.GroupByKey()
                | f"Write[{name}]" >> beam.ParDo(_ShardWriter(str(folder), count, scratch))
            )
    for folder, count in shard_counts.items():
        actual = sum(file.is_file() for file in folder.iterdir())
        if actual != count:
            raise InfrastructureError(
                f"the engine reports success, but {folder} has {actual} files of examples "
                f"instead of {count}.",
                "check that the engine's workers share the workspace; see docs/engines.md",
            )


@beam.typehints.with_input_types(tuple[str, int, int])
@beam.typehints.with_output_types(tuple[int, _Partition])
class _Partitioner(beam.DoFn):
    def __init__(self, shard_count: int, scratch: str) -> None:
        self._shard_count = shard_count
        self._scratch = scratch

    def process(self, element: tuple[str, int, int]) -> Iterator[tuple[int, _Partition]]:
        rows = shards.RowGroup(*element)
        # A worker that seemed lost may come back, so two workers may partition the same rows.
        spill = f"{self._scratch}/{rows.number}-{rows.group}-{uuid.uuid4().hex}.arrow"
        batches: dict[int, list[int]] = {}
        with pa.ipc.new_file(spill, shards.schema_of(Path(rows.file))) as writer:
            for index, (shard, batch) in enumerate(shards.partition(rows, self._shard_count)):
                writer.write_batch(batch)
                batches.setdefault(shard, []).append(index)
        for shard, indexes in batches.items():
            yield shard, (rows.number, rows.group, spill, indexes)


@beam.typehints.with_input_types(tuple[int, Iterable[_Partition]])
class _ShardWriter(beam.DoFn):
    def __init__(self, folder: str, shard_count: int, scratch: str) -> None:
        self._folder = folder
        self._shard_count = shard_count
        self._scratch = scratch

    def process(self, element: tuple[int, Iterable[_Partition]]) -> None:
        shard, partitions = element
        with ExitStack() as opened:
            batches = []
            for _, _, spill, indexes in sorted(partitions):
                if indexes:
                    reader = pa.ipc.open_file(opened.enter_context(pa.memory_map(spill)))
                    batches += [reader.get_batch(index) for index in indexes]
            table = pa.Table.from_batches(batches) if batches else pa.table({})
            shards.write(table, Path(self._folder), shard, self._shard_count, Path(self._scratch))
