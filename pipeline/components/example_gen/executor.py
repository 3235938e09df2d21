"""ExampleGen's executor: turn Parquet files into shuffled tf.Examples through Arrow."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.protobuf import wrappers_pb2
from tfx.components.example_gen import utils
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from pipeline.components.example_gen import shards
from pipeline.components.example_gen.beam import write_examples_with
from pipeline.metadata import properties

# A shard is shuffled in memory, so a split with more uncompressed data becomes several shards.
_SHARD_BYTES = 128 << 20

# Custom properties of the examples, before the split's name: how many rows, and from which files.


def shard_size(mb: float) -> example_gen_pb2.CustomConfig:
    """Build the configuration that sets the executor's shard size.

    Args:
      mb: megabytes (2**20 bytes) of uncompressed data in a shard.

    Returns:
      ExampleGen's custom configuration.
    """
    config = example_gen_pb2.CustomConfig()
    config.custom_config.Pack(wrappers_pb2.Int64Value(value=int(mb * (1 << 20))))
    return config


class ArrowExampleGenExecutor(BaseExampleGenExecutor):
    """Write the rows of every input split as tf.Examples, in a reproducible random order.

    The examples equal those of TFX's Parquet executor, except that values of 0 and "" are kept;
    TFX's executor drops them as if they were missing. Without Beam flags the executor works in this
    process; with Beam flags it runs a Beam pipeline that writes the same files.
    """

    def GetInputSourceToExamplePTransform(self) -> Any:  # noqa: N802 (TFX's name)
        """Raise an error because this executor writes whole shards, not single examples.

        Raises:
          NotImplementedError: always.
        """
        raise NotImplementedError("ArrowExampleGenExecutor writes the examples itself")

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the examples.

        Args:
          input_dict: no inputs.
          output_dict: the `examples` artifact.
          exec_properties: `input_base` and `input_config`, resolved to one span by TFX's driver,
            and `custom_config`, the result of `shard_size`.

        Raises:
          DataRefused: a file is not a Parquet file, or a column has a type that tf.Examples do not
            support.
        """
        specs = standard_component_specs
        inputs, outputs = example_gen_pb2.Input(), example_gen_pb2.Output()
        proto_utils.json_to_proto(exec_properties[specs.INPUT_CONFIG_KEY], inputs)
        proto_utils.json_to_proto(exec_properties[specs.OUTPUT_CONFIG_KEY], outputs)
        artifacts = output_dict[specs.EXAMPLES_KEY]
        examples = artifact_utils.get_single_instance(artifacts)
        examples.split_names = artifact_utils.encode_split_names(
            utils.generate_output_split_names(inputs, outputs)
        )
        examples_utils.set_payload_format(examples, exec_properties[specs.OUTPUT_DATA_FORMAT_KEY])
        base = Path(exec_properties[specs.INPUT_BASE_KEY])
        splits = {
            split.name: (
                sorted(base.glob(split.pattern)),
                Path(artifact_utils.get_split_uri(artifacts, split.name)),
            )
            for split in inputs.splits
        }
        shard_bytes = _shard_bytes(exec_properties.get(specs.CUSTOM_CONFIG_KEY))
        if self._beam_pipeline_args:
            write_examples_with(self._make_beam_pipeline(), splits, shard_bytes)
        else:
            for files, folder in splits.values():
                write_examples(files, folder, shard_bytes)
        for split in inputs.splits:
            files, _ = splits[split.name]
            examples.set_int_custom_property(
                properties.ROWS_PREFIX + split.name, shards.rows(files)
            )
            examples.set_string_custom_property(
                properties.FILES_PREFIX + split.name, str(base / split.pattern)
            )


def write_examples(files: Sequence[Path], folder: Path, shard_bytes: float = _SHARD_BYTES) -> None:
    """Write the rows of Parquet files as gzipped TFRecords of tf.Examples, in random order.

    Args:
      files: Parquet files with the same columns.
      folder: folder of the shards; created when missing.
      shard_bytes: bytes of uncompressed data in a shard, which is kept in memory; default 128 MiB.

    Raises:
      DataRefused: a file is not a Parquet file, or a column has a type that tf.Examples do not
        support.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = shards.count(files, shard_bytes)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".shuffle-") as scratch:
        for shard, table in enumerate(_partitions(files, count, Path(scratch))):
            shards.write(table, folder, shard, count, Path(scratch))


def _shard_bytes(text: str | None) -> int:
    if not text:
        return _SHARD_BYTES
    config, size = example_gen_pb2.CustomConfig(), wrappers_pb2.Int64Value()
    proto_utils.json_to_proto(text, config)
    config.custom_config.Unpack(size)
    return int(size.value)


def _partitions(files: Sequence[Path], count: int, scratch: Path) -> Iterator[pa.Table]:
    """Yield the rows of every shard; several shards are partitioned on disk."""
    if count == 1:
        # Without a partitioning, no folder such as city=Seoul in the path is a column.
        tables = [
            pq.read_table(file, columns=shards.columns_of(file), partitioning=None)
            for file in files
        ]
        yield pa.concat_tables(tables) if tables else pa.table({})
        return
    schema = shards.schema_of(files[0])
    spills = [scratch / f"{shard}.arrow" for shard in range(count)]
    writers = [pa.ipc.new_file(str(spill), schema) for spill in spills]
    for group in shards.row_groups(files):
        for shard, batch in shards.partition(group, count):
            writers[shard].write_batch(batch)
    for writer, spill in zip(writers, spills):
        writer.close()
        with pa.memory_map(str(spill)) as source:
            yield pa.ipc.open_file(source).read_all()
