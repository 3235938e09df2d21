"""Read TFRecord files, such as ExampleGen's files of serialized tf.Examples."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

_BUFFER_BYTES = 1 << 20


def read(
    files: Iterable[str | Path], limit: int | None = None, compressed: bool | None = None
) -> Iterator[bytes]:
    """Yield the records of files one by one, also while another graph is the default.

    Args:
      files: TFRecord files, read in this order; gzipped where the name ends in `.gz`.
      limit: maximum number of records; default all.
      compressed: whether the files are gzipped; default None, as their names state.

    Yields:
      A record, for example a serialized tf.Example.

    Raises:
      tf.errors.OpError: a file is missing or is not a TFRecord file.
    """
    return itertools.islice(_records(files, compressed), limit)


def dataset(files: Sequence[str | Path]) -> tf.data.Dataset:
    """Return the records of files as a data set, for batches and for TensorFlow's graphs.

    Args:
      files: TFRecord files, read in this order; either all or none are gzipped (`.gz`).

    Returns:
      A data set of scalar strings.
    """
    import tensorflow as tf

    names = [str(file) for file in files]
    return tf.data.TFRecordDataset(names, _compression(names[0]), _BUFFER_BYTES)


def _records(files: Iterable[str | Path], compressed: bool | None) -> Iterator[bytes]:
    import tensorflow as tf  # importing TensorFlow takes seconds, so only readers pay for it

    for file in map(str, files):
        # A data set does not work beside a graph's session, and takes 0.3 ms for each record.
        options = tf.io.TFRecordOptions(
            _compression(file) if compressed is None else "GZIP" if compressed else ""
        )
        yield from tf.compat.v1.io.tf_record_iterator(file, options)


def _compression(file: str) -> str:
    return "GZIP" if file.endswith(".gz") else ""
