"""The one reader of TFRecord files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tensorflow as tf

from models import tfrecords
from tests.conftest import PROJECT

ROWS = [b"one", b"two", b"three" * 100]

# `serving` imports nothing of `models`, and reads logs of requests, not examples.
READERS = {"models/tfrecords.py", "serving/validation/inputs.py"}


@pytest.fixture(params=["rows", "rows.gz"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of three records."""
    path = tmp_path / request.param
    options = tf.io.TFRecordOptions("GZIP" if path.suffix == ".gz" else "")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for row in ROWS:
            writer.write(row)
    return path


def test_records_are_read_in_order(file: Path) -> None:
    assert list(tfrecords.read([file, str(file)])) == ROWS * 2
    assert list(tfrecords.read([file, file], 4)) == [*ROWS, ROWS[0]]
    assert list(tfrecords.read([], 4)) == []


def test_records_are_read_while_a_graph_is_the_default(file: Path) -> None:
    with tf.Graph().as_default():
        assert list(tfrecords.read([file])) == ROWS


def test_a_data_set_has_the_same_records(file: Path) -> None:
    records = tfrecords.dataset([file, file]).batch(4).as_numpy_iterator()
    assert [batch.tolist() for batch in records] == [[*ROWS, ROWS[0]], ROWS[1:]]


def test_a_damaged_file_is_an_error(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-15])
    with pytest.raises(tf.errors.OpError):
        list(tfrecords.read([file]))


def test_nothing_else_reads_tfrecord_files() -> None:
    sources = [
        source
        for folder in ("models", "pipeline", "schema", "serving", "scripts")
        for source in (PROJECT / folder).rglob("*.py")
    ]
    assert {
        str(source.relative_to(PROJECT))
        for source in sources
        if re.search(r"TFRecordDataset|tf_record_iterator", source.read_text(encoding="utf-8"))
    } == READERS
