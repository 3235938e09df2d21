"""DataGate: the component between ExampleValidator and Transform."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import Channel, artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.utils import io_utils

from pipeline.components.data_gate import decision
from pipeline.components.data_gate.decision import GateDecision
from pipeline.components.data_gate.examine import Examination, Split, examine
from pipeline.components.resolvers.last_accepted import DECISIONS
from pipeline.metadata import properties
from pipeline.sources import request_logs as logs
from schema.policy import Policy

_STATISTICS_FILE = "FeatureStats.pb"
_ANOMALIES_FILE = "SchemaDiff.pb"


class DataGateExecutor(BaseExecutor):
    """Examine a span and write down what was found; the runner stops where it did not pass."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the decision.

        Args:
          input_dict: `examples`, `statistics`, `schema`, `anomalies`; `accepted`, the decision on
            an earlier span, may be missing.
          output_dict: `decision`.
          exec_properties: `policy` (JSON), `label`, `inputs` (JSON), `span`, `serving_logs` ("" for
            none).
        """
        examples, statistics, anomalies, schema_artifact = (
            artifact_utils.get_single_instance(input_dict[name])
            for name in ("examples", "statistics", "anomalies", "schema")
        )
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema_artifact.uri))
        splits = {
            name: Split(
                examples.get_string_custom_property(properties.FILES_PREFIX + name),
                _statistics(Path(statistics.uri, f"Split-{name}", _STATISTICS_FILE)),
                _anomalies(Path(anomalies.uri, f"Split-{name}", _ANOMALIES_FILE)),
            )
            for name in artifact_utils.decode_split_names(examples.split_names)
        }
        accepted = input_dict.get(DECISIONS)
        folder = exec_properties["serving_logs"]
        span = exec_properties["span"]
        seen = examine(
            splits,
            schema,
            Policy.model_validate_json(exec_properties["policy"]),
            exec_properties["label"],
            span,
            _statistics(Path(accepted[0].uri, decision.STATISTICS_FILE)) if accepted else None,
            logs.statistics(Path(folder), schema) if folder else None,
            json.loads(exec_properties["inputs"]),
        )
        self._conclude(
            artifact_utils.get_single_instance(output_dict["decision"]),
            seen,
            span,
            splits["eval"].statistics,
        )

    def _conclude(self, output: Any, seen: Examination, span: int, statistics: Any) -> None:
        decision.write(Path(output.uri), seen, span, statistics)
        output.passed = int(seen.passed)
        output.span = span


class _DataGateSpec(ComponentSpec):
    INPUTS = {  # noqa: RUF012 (TFX's form)
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        DECISIONS: ChannelParameter(type=GateDecision, optional=True),
    }
    OUTPUTS = {"decision": ChannelParameter(type=GateDecision)}  # noqa: RUF012
    PARAMETERS = {  # noqa: RUF012
        "policy": ExecutionParameter(type=str),
        "label": ExecutionParameter(type=str),
        "inputs": ExecutionParameter(type=str),
        "span": ExecutionParameter(type=int),
        "serving_logs": ExecutionParameter(type=str),
        # In TFX's cache key, so that new logs in the same folder are looked at.
        "serving_logs_state": ExecutionParameter(type=str),
    }


class DataGate(BaseComponent):
    """Decide whether a span's data may be learned from.

    Args:
      examples: of ExampleGen, whose executor must be Taxiway's: it says where rows came from.
      statistics: of StatisticsGen.
      schema: the curated schema.
      anomalies: of ExampleValidator.
      accepted: the decision on an earlier span, to compare with.
      policy: what stops a run.
      label: the label's column.
      inputs: columns that the model learns from.
      span: the span's number.
      serving_logs: folder of TFRecords of what was served, to compare with; None for none.
    """

    SPEC_CLASS = _DataGateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(DataGateExecutor)

    def __init__(
        self,
        examples: Channel,
        statistics: Channel,
        schema: Channel,
        anomalies: Channel,
        accepted: Channel,
        policy: Policy,
        label: str,
        inputs: Sequence[str],
        span: int,
        serving_logs: Path | None,
    ) -> None:
        spec = _DataGateSpec(
            examples=examples,
            statistics=statistics,
            schema=schema,
            anomalies=anomalies,
            accepted=accepted,
            policy=policy.model_dump_json(),
            label=label,
            inputs=json.dumps(inputs),
            span=span,
            serving_logs=str(serving_logs or ""),
            serving_logs_state=logs.fingerprint(serving_logs) if serving_logs else "",
            decision=Channel(type=GateDecision),
        )
        super().__init__(spec=spec)


def _statistics(file: Path) -> Any:
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())


def _anomalies(file: Path) -> Any:
    return anomalies_pb2.Anomalies.FromString(file.read_bytes())
