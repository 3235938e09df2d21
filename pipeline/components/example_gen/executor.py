"""ExampleGen's executor: Parquet to shuffled tf.Examples by way of Arrow."""

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

# Uncompressed data that is shuffled in memory at once; a larger split becomes several shards.
_SHARD_BYTES = 128 << 20

# Custom properties of the examples, before the split's name: how many rows, and from which files.
ROWS_PROPERTY = "rows_"
FILES_PROPERTY = "files_"


def shard_size(mb: float) -> example_gen_pb2.CustomConfig:
    """Tell the executor how large a shard is to be.

    Args:
      mb: uncompressed data in it.

    Returns:
      ExampleGen's custom configuration.
    """
    config = example_gen_pb2.CustomConfig()
    config.custom_config.Pack(wrappers_pb2.Int64Value(value=int(mb * (1 << 20))))
    return config


class ArrowExampleGenExecutor(BaseExampleGenExecutor):
    """Write each input split's rows as tf.Examples, in a random order that is always the same.

    Gives the same examples as TFX's Parquet executor, except that a value of 0 or "" stays what
    it is; TFX's executor drops it as if it were missing. Without flags for Beam it works in this
    process; with them the work is Beam's, and gives the same files.
    """

    def GetInputSourceToExamplePTransform(self) -> Any:  # noqa: N802 (TFX's name)
        """Refuse: this executor makes whole shards, not single examples."""
        raise NotImplementedError("ArrowExampleGenExecutor writes the examples itself")

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the examples.

        Args:
          input_dict: unused.
          output_dict: holds the `examples` artifact.
          exec_properties: `input_base` and `input_config`, resolved to one span by TFX's driver,
            and `custom_config`, as `shard_size` makes it.

        Raises:
          DataRefused: a file is not Parquet, or a column has a type an Example cannot hold.
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
            examples.set_int_custom_property(ROWS_PROPERTY + split.name, shards.rows(files))
            examples.set_string_custom_property(
                FILES_PROPERTY + split.name, str(base / split.pattern)
            )


def write_examples(files: Sequence[Path], folder: Path, shard_bytes: float = _SHARD_BYTES) -> None:
    """Write the rows of Parquet files as gzipped TFRecords of tf.Examples, in random order.

    Args:
      files: Parquet files with the same columns.
      folder: where the shards go.
      shard_bytes: uncompressed data in a shard, the most that is held in memory.

    Raises:
      DataRefused: a file is not Parquet, or a column has a type an Example cannot hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = shards.count(files, shard_bytes)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".shuffle-") as scratch:
        for number, table in enumerate(_dealt(files, parts, Path(scratch))):
            shards.write(table, folder, number, parts, Path(scratch))


def _shard_bytes(text: str | None) -> int:
    if not text:
        return _SHARD_BYTES
    config, size = example_gen_pb2.CustomConfig(), wrappers_pb2.Int64Value()
    proto_utils.json_to_proto(text, config)
    config.custom_config.Unpack(size)
    return int(size.value)


def _dealt(files: Sequence[Path], parts: int, scratch: Path) -> Iterator[pa.Table]:
    """Deal rows out to parts, on disk when there is more than one."""
    if parts == 1:
        tables = [pq.read_table(file, columns=shards.columns_of(file)) for file in files]
        yield pa.concat_tables(tables) if tables else pa.table({})
        return
    schema = shards.schema_of(files[0])
    spills = [scratch / f"{part}.arrow" for part in range(parts)]
    writers = [pa.ipc.new_file(str(spill), schema) for spill in spills]
    for group in shards.row_groups(files):
        for part, batch in shards.deal(group, parts):
            writers[part].write_batch(batch)
    for writer, spill in zip(writers, spills):
        writer.close()
        with pa.memory_map(str(spill)) as source:
            yield pa.ipc.open_file(source).read_all()
