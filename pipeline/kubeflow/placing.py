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
    ir: pipeline_pb2.Pipeline,
    settings: Settings,
    data: Layout,
    code_hash: str,
    compare: bool = True,
) -> None:
    """Change a pipeline that was compiled for other data to one for this data.

    The result equals what `create_pipeline` and the compiler produce from these settings and data.

    Args:
      ir: compiled pipeline, or the spec of a node; changed in place.
      settings: settings of the run.
      data: layout of the rows.
      code_hash: hash of the code that trains the model.
      compare: whether the candidate is compared with the latest blessed model; default True.
    """
    for node in ir.nodes:
        change = _CHANGES.get(node.pipeline_node.node_info.id)
        if change is not None:
            change(node.pipeline_node, settings, data, code_hash)
        if not compare:
            _without_baseline(node.pipeline_node)


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
    _set_strategy(node, "span", int_value=data.span)
    _set_strategy(node, "data", string_value=data.one_span_of)


def _data_gate(node: Any, settings: Settings, data: Layout, code_hash: str) -> None:
    logs = settings.source.serving_logs
    node.parameters.parameters["span"].field_value.int_value = data.span
    _set_text(node, "data", data.one_span_of)
    _set_text(node, "serving_logs", str(logs or ""))
    _set_text(node, "serving_logs_state", request_logs.fingerprint(logs) if logs else "")


def _pusher(node: Any, settings: Settings, data: Layout, code_hash: str) -> None:
    _update_config(
        node,
        {
            "spans": {"train": data.train_spans, "eval": data.span},
            "publish": settings.publish.model_dump(),
            "code_hash": code_hash,
        },
    )


def _without_baseline(node: Any) -> None:
    if node.node_info.id == names.LATEST_BLESSED_MODEL:
        _set_strategy(node, "compare", int_value=0)
    if node.node_info.id == names.PUSHER:
        _update_config(node, {"no_baseline": True})


def _set_strategy(node: Any, option: str, **value: Any) -> None:
    """Set an option of a resolver's strategy."""
    for graph in node.inputs.input_graphs.values():
        for step in graph.nodes.values():
            if option in step.op_node.kwargs:
                field = step.op_node.kwargs[option].value.field_value
                field.CopyFrom(type(field)(**value))


def _update_config(node: Any, values: dict[str, Any]) -> None:
    text = node.parameters.parameters["custom_config"].field_value.string_value
    _set_text(node, "custom_config", json_utils.dumps(json_utils.loads(text) | values))


def _set_text(node: Any, parameter: str, value: str) -> None:
    node.parameters.parameters[parameter].field_value.string_value = value


_CHANGES: dict[str, Callable[[Any, Settings, Layout, str], None]] = {
    names.EXAMPLE_GEN: _example_gen,
    names.LAST_ACCEPTED_DATA: _last_accepted,
    names.DATA_GATE: _data_gate,
    names.PUSHER: _pusher,
}
