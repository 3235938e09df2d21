"""The database selects the same inputs as TFX does."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import ml_metadata
import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata as tfx_metadata
from tfx.orchestration.portable.input_resolution import channel_resolver
from tfx.proto.orchestration import pipeline_pb2

from pipeline.metadata import executions, filters
from pipeline.orchestration import input_queries
from tests.conftest import PROJECT

_STOCK_EXECUTIONS = channel_resolver._get_executions_by_all_contexts
_STOCK_RESOLVE = channel_resolver.resolve_single_channel


@pytest.fixture(autouse=True)
def stock_afterwards() -> Iterator[None]:
    """TFX's own functions, before and after each test."""
    yield
    channel_resolver._get_executions_by_all_contexts = _STOCK_EXECUTIONS
    channel_resolver.resolve_single_channel = _STOCK_RESOLVE


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[tfx_metadata.Metadata]:
    """TFX's handle of the metadata of one run."""
    database = shutil.copy(PROJECT / "tests" / "data" / "old" / "metadata.sqlite", tmp_path)
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(database)
    with tfx_metadata.Metadata(config) as handle:
        yield handle


def _ids(executions: list[mlmd.Execution]) -> list[int]:
    return sorted(execution.id for execution in executions)


def test_executions_of_all_contexts_are_those_that_tfx_returns(
    handle: tfx_metadata.Metadata,
) -> None:
    contexts = [
        context
        for context in handle.store.get_contexts()
        if context.type in ("pipeline", "pipeline_run", "node")
    ]
    combinations = [
        *([context] for context in contexts),
        *(list(pair) for pair in itertools.combinations(contexts, 2)),
        contexts,
        [],
    ]
    expected = [_ids(_STOCK_EXECUTIONS(handle.store, chosen)) for chosen in combinations]
    assert any(expected) and not all(expected)
    input_queries.apply()
    ours = channel_resolver._get_executions_by_all_contexts
    assert [_ids(ours(handle.store, chosen)) for chosen in combinations] == expected


def _channel(kind: str, output_key: str = "") -> pipeline_pb2.InputSpec.Channel:
    channel = pipeline_pb2.InputSpec.Channel(output_key=output_key)
    channel.artifact_query.type.name = kind
    query = channel.context_queries.add()
    query.type.name = "pipeline"
    query.name.field_value.string_value = "flights"
    return channel


@pytest.mark.parametrize("output_key", ["", "schema"])
@pytest.mark.parametrize("kind", ["Model", "ModelBlessing", "Schema", "GateDecision", "None"])
def test_artifacts_of_a_channel_are_those_that_tfx_returns(
    handle: tfx_metadata.Metadata, kind: str, output_key: str
) -> None:
    [model] = handle.store.get_artifacts_by_type("Model")
    deleted = mlmd.Artifact(type_id=model.type_id, uri=model.uri, state=mlmd.Artifact.DELETED)
    pipeline = handle.store.get_context_by_type_and_name("pipeline", "flights")
    [artifact_id] = handle.store.put_artifacts([deleted])
    attribution = mlmd.Attribution(artifact_id=artifact_id, context_id=pipeline.id)
    handle.store.put_attributions_and_associations([attribution], [])
    channel = _channel(kind, output_key)
    expected = [artifact.id for artifact in _STOCK_RESOLVE(handle, channel)]
    assert bool(expected) == (output_key == kind.lower() or (not output_key and kind != "None"))
    input_queries.apply()
    ours = channel_resolver.resolve_single_channel(handle, channel)
    assert sorted(artifact.id for artifact in ours) == sorted(expected)


def test_a_pipeline_without_a_run_has_no_inputs(handle: tfx_metadata.Metadata) -> None:
    channel = _channel("Model")
    channel.context_queries[0].name.field_value.string_value = "rides"
    input_queries.apply()
    assert channel_resolver.resolve_single_channel(handle, channel) == []


def test_no_filter_query_is_sent_to_a_release_without_them(
    handle: tfx_metadata.Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = []
    monkeypatch.setattr(filters, "options", queries.append)
    monkeypatch.setattr(filters, "supported", lambda: False)
    [pipeline] = [context for context in handle.store.get_contexts() if context.type == "pipeline"]
    expected = _ids(_STOCK_EXECUTIONS(handle.store, [pipeline]))
    input_queries.apply()
    ours = channel_resolver._get_executions_by_all_contexts
    assert _ids(ours(handle.store, [pipeline])) == expected
    assert channel_resolver.resolve_single_channel is _STOCK_RESOLVE
    assert executions.unfinished(handle.store) == []
    assert queries == []


@pytest.mark.parametrize(
    ("release", "supported"), [("1.16.0", True), ("1.21.0", False), ("2.0.0", False)]
)
def test_filter_queries_left_ml_metadata_with_a_release(
    release: str, supported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ml_metadata, "__version__", release)
    assert filters.supported() is supported


def test_a_changed_function_of_tfx_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def changed(store: metadata_store.MetadataStore, contexts: object, limit: int) -> list[object]:
        return []

    monkeypatch.setattr(channel_resolver, "_get_executions_by_all_contexts", changed)
    with caplog.at_level(logging.WARNING):
        input_queries.apply()
    assert channel_resolver._get_executions_by_all_contexts is changed
    assert "_get_executions_by_all_contexts is not patched" in caplog.text
