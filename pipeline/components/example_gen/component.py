"""ExampleGen on the files that a source laid out, whose folder is named by their content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs as specs
from tfx.utils import proto_utils

from pipeline.components.example_gen.executor import ArrowExampleGenExecutor


class SpanDriver(driver.FileBasedDriver):
    """Resolve the one span of a run, and identify its files by their content.

    TFX's driver searches for the span with patterns, which a folder such as `rides [v1]` breaks,
    and identifies files by their sizes and times, which change without the content.
    """

    def resolve_exec_properties(
        self, exec_properties: dict[str, Any], pipeline_info: Any, component_info: Any
    ) -> dict[str, Any]:
        """Return the properties with the span, its patterns and the fingerprint of its files.

        Args:
          exec_properties: `input_base`, `input_config` and `range_config`.
          pipeline_info: not used.
          component_info: not used.
        """
        inputs, spans = example_gen_pb2.Input(), range_config_pb2.RangeConfig()
        proto_utils.json_to_proto(exec_properties[specs.INPUT_CONFIG_KEY], inputs)
        proto_utils.json_to_proto(exec_properties[specs.RANGE_CONFIG_KEY], spans)
        span = spans.static_range.end_span_number
        for split in inputs.splits:
            split.pattern = split.pattern.replace("{SPAN}", str(span))
        exec_properties[specs.INPUT_CONFIG_KEY] = proto_utils.proto_to_json(inputs)
        exec_properties[utils.SPAN_PROPERTY_NAME] = span
        exec_properties[utils.VERSION_PROPERTY_NAME] = None
        # The layout names this folder by the hash of the rows and their types.
        exec_properties[utils.FINGERPRINT_PROPERTY_NAME] = Path(
            exec_properties[specs.INPUT_BASE_KEY]
        ).name
        return exec_properties


class ExampleGen(FileBasedExampleGen):
    """Write the files of a layout as tf.Examples.

    The arguments are those of TFX's FileBasedExampleGen.
    """

    DRIVER_CLASS = SpanDriver
    EXECUTOR_SPEC = BeamExecutorSpec(ArrowExampleGenExecutor)
