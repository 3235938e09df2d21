"""Runs of a package after the first run in a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings.evaluate import EvaluateSettings
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.train import TrainSettings
from serving.store import publish
from tests.conftest import PROJECT
from tests.pipeline.kubeflow.cluster import Cluster, Pod
from tests.pipeline.kubeflow.container.teams import Team

pytestmark = pytest.mark.slow

# Steps that read more than ML Metadata and so run in every run.
_ALWAYS = {"Source", "Start", "LastAcceptedData", "LatestBlessedModel"}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team without a database server."""
    folder = tmp_path_factory.mktemp("later")
    cluster = Cluster(folder / "kfp", parallel=2, preloaded=True)
    return Team(folder / "workspace", MetadataSettings(), cluster)


@pytest.fixture(scope="module")
def first(team: Team) -> dict[str, Pod]:
    """Run once, and publish version 1."""
    return team.run("first", team.package())


def test_an_unchanged_run_is_cached_and_publishes_nothing(
    first: dict[str, Pod], team: Team
) -> None:
    again = team.run("again", team.package())
    assert {name: pod.codes for name, pod in again.items()} == {name: [0] for name in first}
    states = {step.name: step.state for step in team.record("again").steps}
    assert {name for name, state in states.items() if state != "cached"} == _ALWAYS
    assert publish.versions(team.workspace / "models" / "flights") == [1]
    before = team.executions("again")
    # KFP's Retry of a run that has succeeded.
    once_more = team.run("again", team.package())
    assert {name: pod.log for name, pod in once_more.items() if pod.codes != [0]} == {}
    assert team.executions("again") == before


def test_a_worse_model_is_not_pushed(first: dict[str, Pod], team: Team) -> None:
    package = team.package(
        train=TrainSettings(epochs=1, learning_rate=1e-6),
        evaluate=EvaluateSettings(min_auc=0, min_slice_auc=0),
    )
    pods = team.run("worse", package)
    assert pods["pusher"].codes == [4]
    assert "auc (overall) changed by -0." in pods["pusher"].log
    assert "compare with an earlier blessed model" in pods["latest-blessed-model"].log
    record = team.record("worse")
    decisions = {step.name: (step.state, step.decision) for step in record.steps}
    assert decisions["Pusher"] == ("done", "not pushed"), "as in a local run"
    assert (record.outcome, record.exit_code, record.version) == ("not blessed", 4, None)
    assert "from the latest blessed model" in record.reasons[0]
    assert publish.versions(team.workspace / "models" / "flights") == [1]
    assert pods["pusher"].report is not None
    assert "is not good enough" in pods["pusher"].report.read_text()


def test_no_model_is_trained_on_refused_data(
    first: dict[str, Pod], team: Team, tmp_path: Path
) -> None:
    schema = tmp_path / "schema.pbtxt"
    text = (PROJECT / "schema/schema.pbtxt").read_text()
    schema.write_text(text.replace('  value: "UA"\n', ""))
    assert schema.read_text() != text
    pods = team.run("refused", team.package(retries=1, schema_file=schema))
    assert pods["data-gate"].codes == [3, 3]
    assert "taxiway schema diff --span 201302 --window 1" in pods["data-gate"].log
    assert {"transform", "trainer", "pusher"}.isdisjoint(pods)
    record = team.record("refused")
    assert (record.outcome, record.exit_code) == ("data refused", 3)
    assert [step.decision for step in record.steps if step.name == "DataGate"] == ["stopped"]
    assert {(finding.kind, finding.feature) for finding in record.findings} == {
        ("domain", "carrier")
    }
    assert pods["record"].report is not None
    assert "the data was refused" in pods["record"].report.read_text()
