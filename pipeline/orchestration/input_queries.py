"""Let the database select the inputs of a node, so that a long history does not slow a run.

For each input of each node, TFX loads all executions of the pipeline and of the node, and
intersects them in Python. After 10,000 runs that takes minutes in each run. The replacements start
from the executions of one run, or ask ML Metadata for the intersection. They return what TFX's own
functions return: `tests/pipeline/orchestration/test_input_queries.py` compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import mlmd_connection_manager
from tfx.orchestration.portable.input_resolution import channel_resolver
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import Artifact, artifact_utils

from pipeline.beam.patches import Function, Patch
from pipeline.metadata import filters

# TFX's name of the type.
_RUN = "pipeline_run"

_stock_executions = channel_resolver._get_executions_by_all_contexts
_stock_resolve = channel_resolver.resolve_single_channel


def apply() -> None:
    """Replace TFX's functions in this process; a second call changes nothing."""
    Patch(
        Function(channel_resolver, "_get_executions_by_all_contexts", ("store", "contexts")),
        _executions_of_all_contexts,
    ).apply()
    if not filters.supported():
        return
    Patch(
        Function(channel_resolver, "resolve_single_channel", ("handle_like", "channel")),
        _resolve_single_channel,
        (
            Function(
                channel_resolver, "_get_context_from_context_query", ("store", "context_query")
            ),
        ),
    ).apply()


def _executions_of_all_contexts(
    store: metadata_store.MetadataStore, contexts: Sequence[mlmd.Context]
) -> list[mlmd.Execution]:
    """Return the executions that belong to all contexts."""
    run = next((context for context in contexts if context.type == _RUN), None)
    if run is not None:  # a run has few executions
        ids = {context.id for context in contexts}
        return [
            execution
            for execution in store.get_executions_by_context(run.id)
            if ids <= {context.id for context in store.get_contexts_by_execution(execution.id)}
        ]
    if not contexts or not filters.supported():
        return list(_stock_executions(store, contexts))
    return list(store.get_executions(list_options=filters.options(_in_all(contexts))))


def _resolve_single_channel(
    handle_like: Any, channel: pipeline_pb2.InputSpec.Channel
) -> list[Artifact]:
    """Return the artifacts of a channel; those of any producer are selected by their type."""
    kind = channel.artifact_query.type.name
    if channel.output_key or not kind:
        return list(_stock_resolve(handle_like, channel))
    store = mlmd_connection_manager.get_handle(handle_like).store
    contexts = [
        channel_resolver._get_context_from_context_query(store, query)
        for query in channel.context_queries
    ]
    if not contexts or None in contexts:
        return []
    query = f"type = '{kind}' AND state = LIVE AND {_in_all(contexts)}"
    artifacts = store.get_artifacts(list_options=filters.options(query))
    if not artifacts:  # the type may be missing too
        return []
    artifact_type = store.get_artifact_type(kind)
    return list(artifact_utils.deserialize_artifacts(artifact_type, artifacts))


def _in_all(contexts: Sequence[mlmd.Context]) -> str:
    return " AND ".join(
        f"contexts_{number}.id = {context.id}" for number, context in enumerate(contexts)
    )
