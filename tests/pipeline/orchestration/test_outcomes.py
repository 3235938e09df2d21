"""A refusal states what is wrong and a next step that helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.components import names
from pipeline.components.data_gate import decision
from pipeline.components.data_gate.examine import Examination, Verdict
from pipeline.errors import DataRefused
from pipeline.findings import Finding
from pipeline.orchestration import outcomes
from pipeline.settings.sections import Settings
from schema.policy import Policy

_SETTINGS = Settings(schema_file=Path("rides.pbtxt"))


def _refused(folder: Path, *kinds: str) -> DataRefused:
    policy = Policy()
    findings = [Finding(kind, "city", "train", "actual", "expected") for kind in kinds]
    verdicts = tuple(Verdict(finding, policy.decide(finding.kind)) for finding in findings)
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    decision.write(folder, Examination(verdicts, (), {"train": 10}), 1, statistics)
    artifact = metadata_store_pb2.Artifact(uri=str(folder))
    artifact.properties["passed"].int_value = 0
    with pytest.raises(DataRefused) as refused:
        outcomes.enforce(names.DATA_GATE, {"decision": artifact}, _SETTINGS)
    return refused.value


@pytest.mark.parametrize(
    ("kinds", "what", "next_step"),
    [
        (("domain",), "does not match rides.pbtxt", "change rides.pbtxt if the data is right"),
        (("empty",), "does not match rides.pbtxt", "remove the column from the features file"),
        (("label", "rows"), "not within the limits of the policy", "change [limits] in the file"),
        (("label", "domain"), "does not match rides.pbtxt", "change rides.pbtxt"),
        (("unlearnable", "no_features"), "cannot learn anything", "lower min_frequency"),
        (("empty", "no_features"), "does not match", "remove the column from the features file"),
    ],
)
def test_the_next_step_fits_the_findings(
    tmp_path: Path, kinds: tuple[str, ...], what: str, next_step: str
) -> None:
    refused = _refused(tmp_path, *kinds)
    assert what in refused.what
    assert next_step in refused.next_step


def test_the_features_without_values_to_learn_are_listed(tmp_path: Path) -> None:
    findings = _refused(tmp_path, "no_features", "unlearnable", "rare_values").findings
    assert [finding.kind for finding in findings] == ["no_features", "unlearnable"]
