"""DataGate's decision as an artifact, for data that passes and for data that does not."""

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
    """DataGate's decision on a span.

    Its folder contains `findings.json`, the rejected rows in `quarantine.csv`, and in
    `FeatureStats.pb` the statistics of the eval split, which the next span is compared with.
    """

    TYPE_NAME = "GateDecision"
    PROPERTIES = {  # noqa: RUF012 (TFX's form)
        "passed": Property(type=PropertyType.INT),
        "span": Property(type=PropertyType.INT),
    }


def write(folder: Path, examination: Examination, span: int, statistics: object) -> None:
    """Write the files of a decision.

    Args:
      folder: folder of the artifact; created when missing.
      examination: result of the examination.
      span: number of the examined span.
      statistics: statistics of the eval split, a DatasetFeatureStatisticsList.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "passed": examination.passed,
        "span": span,
        "rows": dict(examination.counts),
        "findings": [
            verdict.finding.as_json()
            | {"action": verdict.decision.action, "reason": verdict.decision.reason}
            for verdict in examination.verdicts
        ],
    }
    (folder / FINDINGS_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if examination.rows:
        write_quarantine(folder / QUARANTINE_FILE, examination.rows)
    assert isinstance(statistics, statistics_pb2.DatasetFeatureStatisticsList)
    (folder / STATISTICS_FILE).write_bytes(statistics.SerializeToString())


def stopped_by(folder: Path) -> list[Finding]:
    """Read the findings that stopped the run.

    Args:
      folder: folder of a decision.
    """
    return _findings(folder, "stop")


def warnings(folder: Path) -> list[Finding]:
    """Read the findings that the policy only warns of.

    Args:
      folder: folder of a decision.
    """
    return _findings(folder, "warn")


def _findings(folder: Path, action: str) -> list[Finding]:
    content = json.loads((folder / FINDINGS_FILE).read_text(encoding="utf-8"))
    return [
        Finding.from_json(finding) for finding in content["findings"] if finding["action"] == action
    ]
