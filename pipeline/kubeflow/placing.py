"""Put into a compiled pipeline what is known only once the data is laid out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf import json_format
from tfx.proto import range_config_pb2
from tfx.proto.orchestration import pipeline_pb2
from tfx.utils import json_utils

from pipeline.settings.sections import Settings
from pipeline.sources import request_logs
from pipeline.sources.layout import Layout


def place(ir: pipeline_pb2.Pipeline, settings: Settings, data: Layout, code_hash: str) -> None:
    """Make a pipeline that was compiled for other data one for this.

    The outcome is what `create_pipeline` and the compiler make of the same settings and data.

    Args:
      ir: the compiled pipeline, or a slice of it; changed in place.
      settings: of the run.
      data: where the rows are.
      code_hash: of the code that a model is made with.
    """
    for node in ir.nodes:
        found = node.pipeline_node
        if found.node_info.id in _PLACERS:
            _PLACERS[found.node_info.id](found, settings, data, code_hash)


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
            if "span" in step.op_node.kwargs:
                step.op_node.kwargs["span"].value.field_value.int_value = data.span


def _gate(node: Any, settings: Settings, data: Layout, code_hash: str) -> None:
    logs = settings.source.serving_logs
    node.parameters.parameters["span"].field_value.int_value = data.span
    _set_text(node, "serving_logs", str(logs or ""))
    _set_text(node, "serving_logs_state", request_logs.state(logs) if logs else "")


def _pusher(node: Any, settings: Settings, data: Layout, code_hash: str) -> None:
    known = {
        "spans": {"train": data.train_spans, "eval": data.span},
        "publish": settings.publish.model_dump(),
        "code_hash": code_hash,
    }
    _set_text(node, "custom_config", json_utils.dumps(known))


def _set_text(node: Any, parameter: str, value: str) -> None:
    node.parameters.parameters[parameter].field_value.string_value = value


_PLACERS: dict[str, Callable[[Any, Settings, Layout, str], None]] = {
    "ExampleGen": _example_gen,
    "LastAcceptedData": _last_accepted,
    "DataGate": _gate,
    "Pusher": _pusher,
}
