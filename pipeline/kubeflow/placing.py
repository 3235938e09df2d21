"""Apply a run's data layout to a compiled pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf import json_format
from tfx.proto import range_config_pb2
from tfx.proto.orchestration import pipeline_pb2
from tfx.utils import json_utils

from pipeline.components import names
from pipeline.settings.sections import Settings
from pipeline.sources import request_logs
from pipeline.sources.layout import Layout


def apply_layout(
    ir: pipeline_pb2.Pipeline, settings: Settings, data: Layout, code_hash: str
) -> None:
    """Change a pipeline that was compiled for other data to one for this data.

    The result equals what `create_pipeline` and the compiler produce from these settings and data.

    Args:
      ir: compiled pipeline, or the spec of a node; changed in place.
      settings: settings of the run.
      data: layout of the rows.
      code_hash: hash of the code that trains the model.
    """
    for node in ir.nodes:
        change = _CHANGES.get(node.pipeline_node.node_info.id)
        if change is not None:
            change(node.pipeline_node, settings, data, code_hash)


def _example_gen(node: Any, settings: Settings, data: Layout, code_hash: str) -> None:
    _set_text(node, "input_base", str(data.base))
    spans = range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(
            start_span_number=data.span, end_span_number=data.span
        )
    )
    text = json_format.MessageToJson(spans, sort_keys=True, preserving_proto_field_name=True)
    _set_text(node, "range_config", text)


def _last_accepted(node: Any, settings: Settings, data: Layout, code_hash: str) -> None:
    for graph in node.inputs.input_graphs.values():
        for step in graph.nodes.values():
            kwargs = step.op_node.kwargs
            if "span" in kwargs:
                kwargs["span"].value.field_value.int_value = data.span
                kwargs["data"].value.field_value.string_value = data.one_span_of


def _data_gate(node: Any, settings: Settings, data: Layout, code_hash: str) -> None:
    logs = settings.source.serving_logs
    node.parameters.parameters["span"].field_value.int_value = data.span
    _set_text(node, "data", data.one_span_of)
    _set_text(node, "serving_logs", str(logs or ""))
    _set_text(node, "serving_logs_state", request_logs.fingerprint(logs) if logs else "")


def _pusher(node: Any, settings: Settings, data: Layout, code_hash: str) -> None:
    custom_config = {
        "spans": {"train": data.train_spans, "eval": data.span},
        "publish": settings.publish.model_dump(),
        "code_hash": code_hash,
    }
    _set_text(node, "custom_config", json_utils.dumps(custom_config))


def _set_text(node: Any, parameter: str, value: str) -> None:
    node.parameters.parameters[parameter].field_value.string_value = value


_CHANGES: dict[str, Callable[[Any, Settings, Layout, str], None]] = {
    names.EXAMPLE_GEN: _example_gen,
    names.LAST_ACCEPTED_DATA: _last_accepted,
    names.DATA_GATE: _data_gate,
    names.PUSHER: _pusher,
}
