"""No patch changes a result, and none is applied to a function that it does not fit."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.transforms import core, userstate
from tfx_bsl.tfxio import record_based_tfxio
from tfx_bsl.tfxio.tf_example_record import TFExampleRecord

from pipeline.beam import patches
from pipeline.components.example_gen.executor import write_examples
from pipeline.sources.layout import Layout
from tests.conftest import span_file
from tests.pipeline.components.example_gen.test_executor import APART


def _keep(batch: pa.RecordBatch, folder: str) -> None:
    with (
        pa.OSFile(f"{folder}/{uuid.uuid4()}", "wb") as sink,
        pa.ipc.new_file(sink, batch.schema) as writer,
    ):
        writer.write_batch(batch)


def _read(source: Any, pattern: str, kept: Path, *flags: str) -> list[pa.RecordBatch]:
    """Read with Beam, whose workers may run in other processes."""
    kept.mkdir()
    record = TFExampleRecord(pattern, raw_record_column_name="raw")
    with beam.Pipeline(argv=list(flags)) as pipeline:
        pipeline | source(record) | beam.Map(_keep, str(kept))
    return [pa.ipc.open_file(str(file)).get_batch(0) for file in kept.iterdir()]


_STOCK = TFExampleRecord.BeamSource


@pytest.fixture(scope="module")
def stock(flights: Layout, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, set[bytes]]:
    """Files of a month's examples, and the rows that Beam reads there."""
    folder = tmp_path_factory.mktemp("stock")
    examples = folder / "examples"
    write_examples([span_file(flights, 201302)], examples, 500_000)
    assert len(list(examples.iterdir())) > 1
    pattern = str(examples / "*")
    return pattern, _rows(_read(_STOCK, pattern, folder / "stock"))


# One worker in another process crosses the same boundary as two.
@pytest.mark.parametrize(
    "flags", [[], [*APART, "--direct_num_workers=1"]], ids=["one process", "a worker process"]
)
def test_the_patched_reader_reads_what_beam_reads(
    stock: tuple[str, set[bytes]], tmp_path: Path, flags: list[str]
) -> None:
    pattern, expected = stock
    rows = _rows(_read(patches._beam_source, pattern, tmp_path / "patched", *flags))
    assert len(rows) == 23_611
    assert rows == expected


def _rows(batches: list[pa.RecordBatch]) -> set[bytes]:
    return {raw[0] for batch in batches for raw in batch.column("raw").to_pylist()}


class _Counting(beam.DoFn):
    COUNT = userstate.CombiningValueStateSpec("count", sum)
    FLUSH = userstate.TimerSpec("flush", beam.TimeDomain.WATERMARK)

    def process(
        self,
        element: Any,
        count: Any = beam.DoFn.StateParam(COUNT),
        flush: Any = beam.DoFn.TimerParam(FLUSH),
    ) -> None:
        count.add(1)


class _Plain(beam.DoFn):
    def process(self, element: Any) -> Any:
        yield element


class _Lender:
    def takes(self, element: Any, count: Any = beam.DoFn.StateParam(_Counting.COUNT)) -> None:
        count.add(element)


def test_a_dofn_declares_the_same_state_and_timers() -> None:
    wrappers = [core.CallableWrapperDoFn(function) for function in (len, _Lender().takes)]
    dofns = [_Plain(), _Counting(), _Plain(), _Counting(), *wrappers, *wrappers]
    specs = [patches._specs(dofn) for dofn in dofns]
    assert specs == [patches._stock_specs(dofn) for dofn in dofns]
    assert specs[1] == ({_Counting.COUNT}, {_Counting.FLUSH})


@pytest.fixture
def unpatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test patch this process; what it patched is as before afterwards."""
    for patch in patches._patches():
        owner, name = patch.target.owner, patch.target.name
        monkeypatch.setattr(owner, name, getattr(owner, name))
    cache_size = worker_handlers.STATE_CACHE_SIZE_MB
    monkeypatch.setattr(worker_handlers, "STATE_CACHE_SIZE_MB", cache_size)


@pytest.mark.usefixtures("unpatched")
def test_every_patch_fits_the_installed_packages(caplog: pytest.LogCaptureFixture) -> None:
    patches.apply()
    assert caplog.messages == []
    for patch in patches._patches():
        assert getattr(patch.target.owner, patch.target.name) is patch.replacement
    assert worker_handlers.STATE_CACHE_SIZE_MB == 0
    patches.apply()
    assert caplog.messages == [], "a second call changes nothing"
    for patch in patches._patches():
        assert getattr(patch.target.owner, patch.target.name) is patch.replacement


_TARGETS = [(patch.target.owner, patch.target.name) for patch in patches._patches()]


@pytest.mark.usefixtures("unpatched")
@pytest.mark.parametrize(("owner", "name"), _TARGETS, ids=[name for _, name in _TARGETS])
def test_a_function_with_another_signature_stays(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def changed(other: Any, more: Any) -> None:
        """Stand in for the function of a later release."""

    monkeypatch.setattr(owner, name, changed)
    patches.apply()
    assert getattr(owner, name) is changed
    [message] = caplog.messages
    assert message.startswith(f"{name} is not patched because expected {owner.__name__}.{name}(")
    assert message.endswith(f"got {owner.__name__}.{name}(other, more); runs are slower.")


@pytest.mark.usefixtures("unpatched")
def test_the_stock_reader_stays_when_what_the_patch_calls_has_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(TFExampleRecord, "BeamSource", _STOCK)
    monkeypatch.setattr(record_based_tfxio, "AppendRawRecordColumn", lambda batch: batch)
    patches.apply()
    assert _STOCK is TFExampleRecord.BeamSource
    [message] = caplog.messages
    assert message.startswith("BeamSource is not patched because expected ")
    assert "AppendRawRecordColumn(batch); runs are slower." in message


@pytest.mark.usefixtures("unpatched")
def test_a_name_that_is_gone_is_not_patched(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(userstate, "get_dofn_specs")
    monkeypatch.setattr(worker_handlers, "STATE_CACHE_SIZE_MB", None)
    patches.apply()
    assert not hasattr(userstate, "get_dofn_specs")
    assert worker_handlers.STATE_CACHE_SIZE_MB is None
    specs, cache = caplog.messages
    assert specs.startswith("get_dofn_specs is not patched because apache_beam.transforms.")
    assert "get_dofn_specs does not exist; runs are slower." in specs
    assert cache.startswith("STATE_CACHE_SIZE_MB is not patched because ")
