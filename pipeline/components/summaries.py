"""What each node decided, in a few words that are read from its outputs."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from models.training import vocabularies
from pipeline.components.data_gate import decision, learnable
from pipeline.components.evaluator import results
from pipeline.components.infra_check import report
from pipeline.findings import Finding
from pipeline.metadata import properties

_LONGEST_NAME = 40

# Output artifacts of a node by name.
Outputs = Mapping[str, Any]


def nothing(_: Outputs) -> str:
    """Return an empty summary.

    Args:
      _: outputs of the node.
    """
    return ""


def rows_by_split(examples: Any) -> dict[str, int]:
    """Return the number of rows in each split, train first.

    Args:
      examples: artifact of ExampleGen.
    """
    rows = {
        name.removeprefix(properties.ROWS_PREFIX): value.int_value
        for name, value in examples.custom_properties.items()
        if name.startswith(properties.ROWS_PREFIX)
    }
    return dict(sorted(rows.items(), reverse=True))


def examples(outputs: Outputs) -> str:
    """Summarize ExampleGen: the rows of each split.

    Args:
      outputs: outputs of the node.
    """
    rows = rows_by_split(outputs["examples"])
    return ", ".join(f"{count:,} {split} rows" for split, count in rows.items())


def statistics(outputs: Outputs) -> str:
    """Summarize StatisticsGen: the columns, and how many have missing values.

    Args:
      outputs: outputs of the node.
    """
    missing: dict[str, int] = {}
    for file in sorted(Path(outputs["statistics"].uri).glob("Split-*/FeatureStats.pb")):
        datasets = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        for column in (column for dataset in datasets.datasets for column in dataset.features):
            common = getattr(column, column.WhichOneof("stats")).common_stats
            name = column.path.step[0]
            missing[name] = missing.get(name, 0) + common.num_missing
    return f"{len(missing)} columns, {sum(map(bool, missing.values()))} with missing values"


def schema(outputs: Outputs) -> str:
    """Summarize ImportSchemaGen: the columns of the schema.

    Args:
      outputs: outputs of the node.
    """
    text = (Path(outputs["schema"].uri) / "schema.pbtxt").read_text(encoding="utf-8")
    return f"{len(text_format.Parse(text, schema_pb2.Schema()).feature)} columns"


def proposed_schema(outputs: Outputs) -> str:
    """Summarize SchemaGen: the columns of the proposed schema.

    Args:
      outputs: outputs of the node.
    """
    return f"proposal of {schema(outputs)}"


def anomalies(outputs: Outputs) -> str:
    """Summarize ExampleValidator: the number of anomalies.

    Args:
      outputs: outputs of the node.
    """
    count = 0
    for file in Path(outputs["anomalies"].uri).glob("Split-*/SchemaDiff.pb"):
        split = anomalies_pb2.Anomalies.FromString(file.read_bytes())
        count += len(split.anomaly_info) + split.data_missing
    return "1 anomaly" if count == 1 else f"{count} anomalies"


def last_accepted(outputs: Outputs) -> str:
    """Summarize LastAcceptedData: the span that the new data is compared with.

    Args:
      outputs: outputs of the node.
    """
    if not outputs.get("accepted"):
        return "none yet"
    return f"compare with span {outputs['accepted'].properties['span'].int_value}"


def gate(outputs: Outputs) -> str:
    """Summarize DataGate: whether the data passed, and the warnings.

    Args:
      outputs: outputs of the node.
    """
    artifact = outputs["decision"]
    passed = artifact.properties["passed"].int_value
    warnings = ", ".join(map(_warning, decision.warnings(Path(artifact.uri))))
    return ("passed" if passed else "stopped") + (f"; warns of {warnings}" if warnings else "")


def _warning(finding: Finding) -> str:
    if finding.kind in (learnable.UNLEARNABLE, learnable.RARE_VALUES):
        return (
            f"{finding.kind} of {finding.feature} ({finding.actual}; expected {finding.expected})"
        )
    return f"{finding.kind} of {finding.feature}" if finding.feature else finding.kind


def transform(outputs: Outputs) -> str:
    """Summarize Transform: the sizes of the vocabularies, and those without any value.

    Args:
      outputs: outputs of the node.
    """
    folder = Path(outputs["transform_graph"].uri)
    raw = text_format.Parse(
        (folder / "metadata" / "schema.pbtxt").read_text(encoding="utf-8"), schema_pb2.Schema()
    )
    columns = [feature.name for feature in raw.feature]
    sizes = vocabularies.sizes(folder / "transform_fn" / "assets", columns)
    if not sizes:
        return ""
    line = "vocabularies " + ", ".join(f"{_short(name)} {size}" for name, size in sizes.items())
    empty = ", ".join(_short(name) for name, size in sizes.items() if not size)
    return f"{line}; nothing is learned from {empty}: every value is rare" if empty else line


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def warm_start(outputs: Outputs) -> str:
    """Summarize WarmStartModel: the model whose weights training starts from.

    Args:
      outputs: outputs of the node.
    """
    return f"start from model {outputs['model'].id}"


def trainer(outputs: Outputs) -> str:
    """Summarize Trainer: the epochs, and the best of them.

    Args:
      outputs: outputs of the node.
    """
    file = Path(outputs["model_run"].uri) / "learning_curves.csv"
    if not file.exists():
        return ""
    with file.open(encoding="utf-8") as lines:
        epochs = list(csv.DictReader(lines))
    best = min(epochs, key=lambda epoch: float(epoch["val_loss"]))
    loss = float(best["val_loss"])
    return f"{len(epochs)} epochs, best {best['epoch']} (validation loss {loss:.4f})"


def latest_blessed(outputs: Outputs) -> str:
    """Summarize LatestBlessedModel: whether there is a baseline.

    Args:
      outputs: outputs of the node.
    """
    return "compare with an earlier blessed model" if outputs.get("model") else "no baseline"


def evaluator(outputs: Outputs) -> str:
    """Summarize Evaluator: the AUC, the baseline's, and the blessing.

    Args:
      outputs: outputs of the node.
    """
    evaluation = results.load(outputs["evaluation"].uri)
    metrics = evaluation.overall()
    auc, baseline = (model.get("auc") for model in metrics)
    against = "" if baseline is None else f" against {baseline:.3f}"
    blessed = properties.number(outputs["blessing"], properties.BLESSED)
    reached = "no AUC" if auc is None else f"AUC {auc:.3f}"
    notes = [note for note in (evaluation.hint(), evaluation.unbounded_note()) if note]
    return "; ".join([f"{reached}{against}, {'blessed' if blessed else 'not blessed'}", *notes])


def infra_check(outputs: Outputs) -> str:
    """Summarize InfraCheck: what was served, and how fast.

    Args:
      outputs: outputs of the node.
    """
    return report.read(Path(outputs["blessing"].uri)).summary()


def pusher(outputs: Outputs) -> str:
    """Summarize Pusher: the version, and why it is not promoted at once.

    Args:
      outputs: outputs of the node.
    """
    model = outputs["pushed_model"]
    if not properties.number(model, properties.PUSHED):
        return "not pushed"
    version = properties.text(model, properties.PUSHED_VERSION)
    waits = properties.text(model, properties.WAITS)
    later = f", not promoted: {waits}; taxiway registry promote {version}" if waits else ""
    return f"pushed as version {version}{later}"
