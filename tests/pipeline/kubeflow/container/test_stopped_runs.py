"""Runs of a package that end early: pods are killed, or the input cannot be used."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.source import SourceSettings
from tests.pipeline.kubeflow.cluster import Cluster, kill_when
from tests.pipeline.kubeflow.container.teams import Team

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def new_team(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Team]:
    """Return a function that makes a team without a database server."""

    def make() -> Team:
        folder = tmp_path_factory.mktemp("new_team")
        cluster = Cluster(folder / "kfp", parallel=2, preloaded=True)
        return Team(folder / "workspace", MetadataSettings(), cluster)

    return make


@pytest.fixture(scope="module")
def shared_team(new_team: Callable[[], Team]) -> tuple[Team, str]:
    """Return a team for runs that end early and share no state, and its package."""
    team = new_team()
    return team, team.package()


def test_an_evicted_pod_leaves_a_failed_execution(new_team: Callable[[], Team]) -> None:
    team = new_team()
    folder = team.workspace / "artifacts" / "ExampleGen" / "examples"
    evict = kill_when(folder.exists, signal.SIGTERM)
    package = team.package()
    pods = team.run("evicted", package, faults={"example-gen": evict})
    assert pods["example-gen"].codes == [5]
    assert "ExampleGen was ended by SIGTERM" in pods["example-gen"].log
    assert team.executions("evicted")["ExampleGen"] == [mlmd.Execution.FAILED]
    assert list(folder.iterdir()) == [], "its unfinished output is removed"
    record = team.record("evicted")
    assert (record.outcome, record.exit_code) == ("failed", 5)
    assert "statistics-gen" not in pods

    killed = kill_when(lambda: any(folder.iterdir()), signal.SIGKILL)
    pods = team.run("killed", package, faults={"example-gen": killed})
    assert pods["example-gen"].codes == [-9]
    assert team.executions("killed")["ExampleGen"] == [mlmd.Execution.FAILED], (
        "the last task marks it because no process of the pod is left"
    )
    assert team.record("killed").error == "the run was stopped in ExampleGen."


def _only(package: str, *tasks: str) -> str:
    """Return a package with some of its tasks, which wait for the first task only."""
    pipeline, platform = yaml.safe_load_all(package)
    all_tasks = pipeline["components"]["comp-pipeline"]["dag"]["tasks"]
    for name in set(all_tasks) - {"start", *tasks}:
        del all_tasks[name]
    for name in tasks:
        all_tasks[name]["dependentTasks"] = ["start"]
    return yaml.safe_dump_all([pipeline, platform])


def test_a_task_without_its_inputs_fails(shared_team: tuple[Team, str]) -> None:
    team, package = shared_team
    pods = team.run("unresolvable", _only(package, "schema-gen"))
    assert pods["schema-gen"].codes == [5]
    assert "SchemaGen could not run: its inputs are missing." in pods["schema-gen"].log
    assert team.executions("unresolvable") == {"SchemaGen": [mlmd.Execution.FAILED]}


@pytest.mark.parametrize(
    ("run_id", "parameters", "message"),
    [
        ("both", {"tune": True, "warm_start": True}, "tune and warm_start exclude each other"),
        ("window", {"window": 0}, "window: Input should be greater than or equal to 1 (got '0')"),
        ("span", {"span": 209901}, "there is no span 209901"),
        ("warm", {"warm_start": True}, "no model is blessed yet"),
    ],
)
def test_the_first_task_refuses_parameters_that_cannot_run(
    shared_team: tuple[Team, str], run_id: str, parameters: dict[str, Any], message: str
) -> None:
    team, package = shared_team
    pods = team.run(run_id, package, parameters)
    assert pods.keys() == {"start", "record"}
    assert pods["start"].codes == [2]
    assert message in pods["start"].log


def test_unreadable_rows_are_quarantined(new_team: Callable[[], Team], tmp_path: Path) -> None:
    (tmp_path / "rides.csv").write_text("when,late\n2013-01-01,0\nsome day,1\n2013-02-01,1\n")
    team = new_team()
    source = SourceSettings(kind="folder", path=Path("/nowhere"), time_column="when")
    package = team.package(source=source)
    pods = team.run("unreadable", package, {"span": 0, "data_root": str(tmp_path)})
    assert {name: pod.codes for name, pod in pods.items()} == {"start": [3], "record": [0]}
    record = team.record("unreadable")
    assert (record.outcome, record.exit_code) == ("data refused", 3)
    assert record.quarantine is not None
    assert "some day" in record.quarantine.read_text()
    assert "some day" in pods["record"].report.read_text()  # type: ignore[union-attr]


def test_the_command_of_a_container_runs_as_written(new_team: Callable[[], Team]) -> None:
    """Start new processes instead of forking one that has imported everything."""
    team = new_team()
    team.cluster.preloaded = False
    pipeline, platform = yaml.safe_load_all(_only(team.package(), "import-schema-gen", "tuner"))
    del pipeline["root"]["dag"]["tasks"]["record"]
    pods = team.run("written", yaml.safe_dump_all([pipeline, platform]))
    codes = {name: pod.codes for name, pod in pods.items()}
    assert codes == {"start": [0], "import-schema-gen": [0], "tuner": [0]}, pods
    states = team.executions("written")
    assert states == {"ImportSchemaGen": [mlmd.Execution.COMPLETE]}
    plan = json.loads((team.workspace / "kubeflow/written/plan.json").read_text())
    assert plan["data"]["span"] == 201302
