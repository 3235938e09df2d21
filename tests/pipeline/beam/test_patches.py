"""No speed-up changes a result."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.transforms import core, userstate
from tfx_bsl.tfxio import tf_example_record

from pipeline.beam import patches
from pipeline.components.example_gen.executor import write_examples
from pipeline.sources.layout import Layout
from tests.pipeline.components.example_gen.test_executor import APART


def _keep(batch: pa.RecordBatch, folder: str) -> None:
    with (
        pa.OSFile(f"{folder}/{uuid.uuid4()}", "wb") as sink,
        pa.ipc.new_file(sink, batch.schema) as writer,
    ):
        writer.write_batch(batch)


def _read(source: Any, pattern: str, kept: Path, *flags: str) -> list[pa.RecordBatch]:
    """Read with Beam, whose workers may be in other processes."""
    kept.mkdir()
    record = tf_example_record.TFExampleRecord(pattern, raw_record_column_name="raw")
    with beam.Pipeline(argv=list(flags)) as pipeline:
        pipeline | source(record) | beam.Map(_keep, str(kept))
    return [pa.ipc.open_file(str(file)).get_batch(0) for file in kept.iterdir()]


_STOCK = tf_example_record.TFExampleRecord.BeamSource


@pytest.fixture(scope="module")
def stock(flights: Layout, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, set[bytes]]:
    """Files of a month's examples, and the rows that Beam reads there."""
    folder = tmp_path_factory.mktemp("stock")
    examples = folder / "examples"
    write_examples([flights.base.parent / "spans" / "201302.parquet"], examples, 500_000)
    assert len(list(examples.iterdir())) > 1
    pattern = str(examples / "*")
    return pattern, _rows(_read(_STOCK, pattern, folder / "theirs"))


# One worker apart is as far as two.
@pytest.mark.parametrize(
    "flags", [[], [*APART, "--direct_num_workers=1"]], ids=["here", "a worker apart"]
)
def test_the_native_reader_reads_what_beam_reads(
    stock: tuple[str, set[bytes]], tmp_path: Path, flags: list[str]
) -> None:
    pattern, theirs = stock
    ours = _rows(_read(patches._beam_source, pattern, tmp_path / "ours", *flags))
    assert len(ours) == 23_611
    assert ours == theirs


def _rows(batches: list[pa.RecordBatch]) -> set[bytes]:
    return {raw[0] for batch in batches for raw in batch.column("raw").to_pylist()}


class _Counting(beam.DoFn):
    SEEN = userstate.CombiningValueStateSpec("seen", sum)
    FLUSH = userstate.TimerSpec("flush", beam.TimeDomain.WATERMARK)

    def process(
        self,
        element: Any,
        seen: Any = beam.DoFn.StateParam(SEEN),
        flush: Any = beam.DoFn.TimerParam(FLUSH),
    ) -> None:
        seen.add(1)


class _Plain(beam.DoFn):
    def process(self, element: Any) -> Any:
        yield element


class _Lender:
    def takes(self, element: Any, seen: Any = beam.DoFn.StateParam(_Counting.SEEN)) -> None:
        seen.add(element)


def test_a_dofn_declares_the_same_state_and_timers() -> None:
    wrappers = [core.CallableWrapperDoFn(each) for each in (len, _Lender().takes)]
    dofns = [_Plain(), _Counting(), _Plain(), _Counting(), *wrappers, *wrappers]
    found = [patches._specs(dofn) for dofn in dofns]
    assert found == [patches._inspect(dofn) for dofn in dofns]
    assert found[1] == ({_Counting.SEEN}, {_Counting.FLUSH})


def test_installing_twice_is_installing_once() -> None:
    patches.install()
    once = (userstate.get_dofn_specs, tf_example_record.TFExampleRecord.BeamSource)
    patches.install()
    assert once == (userstate.get_dofn_specs, tf_example_record.TFExampleRecord.BeamSource)
