"""The gate's decision as an artifact: what was seen, also when it passes."""

from __future__ import annotations

import json
from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types.artifact import Artifact, Property, PropertyType

from pipeline.components.data_gate.examine import Examination
from pipeline.findings import Finding, write_quarantine

FINDINGS_FILE = "findings.json"
QUARANTINE_FILE = "quarantine.csv"
STATISTICS_FILE = "FeatureStats.pb"


class GateDecision(Artifact):
    """What the data gate decided on a span.

    Its folder holds `findings.json`, the rows that stopped it in `quarantine.csv`, and the
    statistics of its eval split in `FeatureStats.pb`, for the next span to be compared with.
    """

    TYPE_NAME = "GateDecision"
    PROPERTIES = {  # noqa: RUF012 (TFX's form)
        "passed": Property(type=PropertyType.INT),
        "span": Property(type=PropertyType.INT),
    }


def write(folder: Path, seen: Examination, span: int, statistics: object) -> None:
    """Write what an examination saw."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "passed": seen.passed,
        "span": span,
        "rows": dict(seen.counts),
        "findings": [
            each.finding.as_json()
            | {"action": each.decision.action, "reason": each.decision.reason}
            for each in seen.verdicts
        ],
    }
    (folder / FINDINGS_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if seen.rows:
        write_quarantine(folder / QUARANTINE_FILE, seen.rows)
    assert isinstance(statistics, statistics_pb2.DatasetFeatureStatisticsList)
    (folder / STATISTICS_FILE).write_bytes(statistics.SerializeToString())


def stopped_by(folder: Path) -> list[Finding]:
    """Return the findings that stopped the run, from what `write` wrote."""
    return _findings(folder, "stop")


def warnings(folder: Path) -> list[Finding]:
    """Return the findings that the policy only warns of, from what `write` wrote."""
    return _findings(folder, "warn")


def _findings(folder: Path, action: str) -> list[Finding]:
    content = json.loads((folder / FINDINGS_FILE).read_text(encoding="utf-8"))
    return [Finding.from_json(each) for each in content["findings"] if each["action"] == action]
