"""DataGate: the component between ExampleValidator and Transform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import Channel, artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.utils import io_utils

from models.features import Features
from pipeline.components.data_gate import decision
from pipeline.components.data_gate.decision import GateDecision
from pipeline.components.data_gate.examine import Clock, Split, examine
from pipeline.components.resolvers.last_accepted import DATA, DECISIONS
from pipeline.metadata import properties
from pipeline.sources.request_logs import fingerprint
from pipeline.sources.request_logs import statistics as served_statistics
from schema.policy import Policy

_STATISTICS_FILE = "FeatureStats.pb"
_ANOMALIES_FILE = "SchemaDiff.pb"


class DataGateExecutor(BaseExecutor):
    """Examine a span and write the decision; the runner stops the run if the span does not pass."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the decision.

        Args:
          input_dict: artifacts `examples`, `statistics`, `schema` and `anomalies`; also `accepted`,
            the decision on an earlier span, if there is one.
          output_dict: artifact `decision`.
          exec_properties: `policy` and `features` as JSON, `span`, `data`, and `serving_logs`, a
            folder or "", `time_zone` and `time_format`.
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
        examination = examine(
            splits,
            schema,
            Policy.model_validate_json(exec_properties["policy"]),
            Features.model_validate_json(exec_properties["features"]),
            span,
            _statistics(Path(accepted[0].uri, decision.STATISTICS_FILE)) if accepted else None,
            served_statistics(Path(folder), schema) if folder else None,
            Clock(exec_properties["time_zone"], exec_properties["time_format"] or None),
        )
        output = artifact_utils.get_single_instance(output_dict["decision"])
        decision.write(Path(output.uri), examination, span, splits["eval"].statistics)
        output.passed = int(examination.passed)
        output.span = span
        output.set_string_custom_property(DATA, exec_properties["data"])


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
        "features": ExecutionParameter(type=str),
        "span": ExecutionParameter(type=int),
        "data": ExecutionParameter(type=str),
        "serving_logs": ExecutionParameter(type=str),
        # New logs in the same folder must rerun the component, so TFX's cache key has their state.
        "serving_logs_state": ExecutionParameter(type=str),
        "time_zone": ExecutionParameter(type=str),
        "time_format": ExecutionParameter(type=str),
    }


class DataGate(BaseComponent):
    """Decide whether a model may be trained on a span's data.

    Args:
      examples: channel of ExampleGen with Taxiway's executor, which records the source files.
      statistics: channel of StatisticsGen.
      schema: channel of the curated schema.
      anomalies: channel of ExampleValidator.
      accepted: channel of the decision on an earlier span, which the span is compared with.
      policy: rules that decide which findings stop the run.
      features: label and features of the model.
      span: number of the span.
      data: hash of the span's rows if they have no time; "" otherwise.
      serving_logs: folder of TFRecords of logged requests, which the span is compared with; None
        for none.
      time_zone: IANA time zone of the spans.
      time_format: form of the event's time, as in `source.time_format`; None for the default.
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
        features: Features,
        span: int,
        data: str,
        serving_logs: Path | None,
        time_zone: str,
        time_format: str | None,
    ) -> None:
        spec = _DataGateSpec(
            examples=examples,
            statistics=statistics,
            schema=schema,
            anomalies=anomalies,
            accepted=accepted,
            policy=policy.model_dump_json(),
            features=features.model_dump_json(),
            span=span,
            data=data,
            serving_logs=str(serving_logs or ""),
            serving_logs_state=fingerprint(serving_logs) if serving_logs else "",
            time_zone=time_zone,
            time_format=time_format or "",
            decision=Channel(type=GateDecision),
        )
        super().__init__(spec=spec)


def _statistics(file: Path) -> Any:
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())


def _anomalies(file: Path) -> Any:
    return anomalies_pb2.Anomalies.FromString(file.read_bytes())
