"""What each component decided, in the few words a person wants to read."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from pipeline.components.data_gate import decision
from pipeline.components.evaluator import results
from pipeline.components.infra_check import report
from pipeline.errors import DataRefused, NotBlessed
from pipeline.metadata import properties

Outputs = Mapping[str, Any]


def describe(node: str, outputs: Outputs) -> str:
    """Say what a node decided, from the artifacts it put out.

    Args:
      node: the node's id.
      outputs: its output artifacts by name.

    Returns:
      A few words; "" when there is nothing to say.
    """
    return _DESCRIBERS[node](outputs) if node in _DESCRIBERS else ""


def check(node: str, outputs: Outputs, schema_file: Path) -> None:
    """Stop the run where TFX would go on: on rows that are missing or not as the schema says.

    Args:
      node: the node's id.
      outputs: its output artifacts by name.
      schema_file: the curated schema, for the message.

    Raises:
      DataRefused: a split is empty, or the data gate did not let the data pass.
    """
    if node == "ExampleGen":
        empty = [split for split, rows in _rows(outputs["examples"]).items() if rows == 0]
        if empty:
            raise DataRefused(
                f"no rows in the {' and '.join(empty)} split; every split needs some.",
                "choose another span with --span, or look at the source's files",
            )
    if node == "DataGate" and not outputs["decision"].properties["passed"].int_value:
        folder = Path(outputs["decision"].uri)
        quarantine = folder / decision.QUARANTINE_FILE
        findings = tuple(decision.stopped_by(folder))
        nothing_learned = all(found.kind == "empty" for found in findings)
        raise DataRefused(
            f"the data is not what {schema_file} says.",
            "correct the data, or have nothing learned from the column: take it out of the features"
            if nothing_learned
            else f"correct the data, or change {schema_file} when the data is right",
            findings=findings,
            quarantine=quarantine if quarantine.exists() else None,
        )


def check_pushed(outputs: Mapping[str, Outputs]) -> None:
    """Say why nothing was published, where that is so.

    Args:
      outputs: of all nodes of the run, by node.

    Raises:
      NotBlessed: the model missed a bound, or cannot be served.
    """
    if outputs["Pusher"]["pushed_model"].custom_properties["pushed"].int_value:
        return
    served = report.read(Path(outputs["InfraCheck"]["blessing"].uri))
    missed = results.failures(outputs["Evaluator"]["evaluation"].uri)
    raise NotBlessed(
        f"the model {'is not good enough' if missed else 'cannot be served'}, "
        "nothing was published:",
        "change the model, its data, or the bounds under [evaluate]"
        if missed
        else "correct the model, or change the limits under [infra]",
        (*missed, *served.problems),
    )


def _rows(examples: Any) -> dict[str, int]:
    rows = {
        name.removeprefix(properties.ROWS_PREFIX): value.int_value
        for name, value in examples.custom_properties.items()
        if name.startswith(properties.ROWS_PREFIX)
    }
    return dict(sorted(rows.items(), reverse=True))


def _anomalies(outputs: Outputs) -> str:
    found = 0
    for file in Path(outputs["anomalies"].uri).glob("Split-*/SchemaDiff.pb"):
        anomalies = anomalies_pb2.Anomalies.FromString(file.read_bytes())
        found += len(anomalies.anomaly_info) + anomalies.data_missing
    return f"{found} anomalies"


def _gate(outputs: Outputs) -> str:
    folder = Path(outputs["decision"].uri)
    passed = outputs["decision"].properties["passed"].int_value
    warned = ", ".join(
        f"{found.kind} of {found.feature}" if found.feature else found.kind
        for found in decision.warnings(folder)
    )
    return ("passed" if passed else "stopped") + (f"; warns of {warned}" if warned else "")


def _examples(outputs: Outputs) -> str:
    return ", ".join(f"{rows:,} {split} rows" for split, rows in _rows(outputs["examples"]).items())


def _statistics(outputs: Outputs) -> str:
    missing: dict[str, int] = {}
    for file in sorted(Path(outputs["statistics"].uri).glob("Split-*/FeatureStats.pb")):
        statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        for column in (column for each in statistics.datasets for column in each.features):
            common = getattr(column, column.WhichOneof("stats")).common_stats
            name = column.path.step[0]
            missing[name] = missing.get(name, 0) + common.num_missing
    return f"{len(missing)} columns, {sum(map(bool, missing.values()))} with missing values"


def _transform(outputs: Outputs) -> str:
    folder = Path(outputs["transform_graph"].uri) / "transform_fn" / "assets"
    sizes = {file.name: len(file.read_bytes().splitlines()) for file in sorted(folder.glob("*"))}
    return "vocabularies " + ", ".join(f"{name} {n}" for name, n in sizes.items()) if sizes else ""


def _schema(outputs: Outputs) -> str:
    text = (Path(outputs["schema"].uri) / "schema.pbtxt").read_text(encoding="utf-8")
    return f"{len(text_format.Parse(text, schema_pb2.Schema()).feature)} columns"


def _trainer(outputs: Outputs) -> str:
    file = Path(outputs["model_run"].uri) / "learning_curves.csv"
    if not file.exists():
        return ""
    with file.open(encoding="utf-8") as lines:
        epochs = list(csv.DictReader(lines))
    best = min(epochs, key=lambda epoch: float(epoch["val_loss"]))
    loss = float(best["val_loss"])
    return f"{len(epochs)} epochs, best {best['epoch']} (validation loss {loss:.4f})"


def _resolver(outputs: Outputs) -> str:
    return "compare with an earlier blessed model" if outputs.get("model") else "none yet"


def _evaluator(outputs: Outputs) -> str:
    auc, baseline = (each.get("auc") for each in results.load(outputs["evaluation"].uri).overall())
    against = "" if baseline is None else f" against {baseline:.3f}"
    blessed = outputs["blessing"].custom_properties["blessed"].int_value
    reached = "no AUC" if auc is None else f"AUC {auc:.3f}"
    return f"{reached}{against}, {'blessed' if blessed else 'not blessed'}"


def _pusher(outputs: Outputs) -> str:
    model = outputs["pushed_model"]
    if not properties.number(model, properties.PUSHED):
        return "not pushed"
    version = properties.text(model, properties.PUSHED_VERSION)
    waits = properties.text(model, properties.WAITS)
    later = f", not promoted at once: {waits}; taxiway registry promote {version}" if waits else ""
    return f"pushed as version {version}{later}"


_DESCRIBERS: dict[str, Callable[[Outputs], str]] = {
    "ExampleGen": _examples,
    "StatisticsGen": _statistics,
    "SchemaGen": lambda outputs: f"proposal of {_schema(outputs)}",
    "ImportSchemaGen": _schema,
    "ExampleValidator": _anomalies,
    "LastAcceptedData": lambda outputs: (
        f"compare with span {outputs['accepted'].properties['span'].int_value}"
        if outputs.get("accepted")
        else "none yet"
    ),
    "DataGate": _gate,
    "Transform": _transform,
    "WarmStartModel": lambda outputs: f"go on from model {outputs['model'].id}",
    "Trainer": _trainer,
    "LatestBlessedModel": _resolver,
    "Evaluator": _evaluator,
    "InfraCheck": lambda outputs: report.read(Path(outputs["blessing"].uri)).in_words(),
    "Pusher": _pusher,
}
