"""Whole runs of a package, compared with the same run on one machine."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from models import tfrecords
from pipeline.settings.evaluate import EvaluateSettings
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.train import TrainSettings
from serving.store import manifest, model_config, publish
from tests.conftest import PROJECT, Run
from tests.pipeline.databases import PASSWORD, mariadb
from tests.pipeline.kubeflow.cluster import Cluster, Pod, kill_when
from tests.pipeline.kubeflow.container.teams import Team

pytestmark = pytest.mark.slow

_SECRETS = {"database": {"password": PASSWORD}}

# Steps that read more than ML Metadata and so run in every run.
_ALWAYS = {"Source", "Start", "LastAcceptedData", "LatestBlessedModel"}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A team with a MariaDB server."""
    if not (shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()):
        pytest.skip(
            "no MariaDB server; on Debian: apt-get install mariadb-server-core mariadb-client-core"
        )
    folder = tmp_path_factory.mktemp("kubeflow")
    with pytest.MonkeyPatch.context() as patch, mariadb(folder / "mariadb") as port:
        patch.setenv("TAXIWAY_METADATA_PASSWORD", PASSWORD)
        yield Team(
            folder / "workspace",
            MetadataSettings(host="127.0.0.1", port=port, database="taxiway_kubeflow"),
            Cluster(folder / "kfp", _SECRETS, parallel=2, preloaded=True),
        )


@pytest.fixture(scope="module")
def first(team: Team) -> dict[str, Pod]:
    """Run once, with pods that are evicted, killed and killed during the publication."""
    base = team.workspace / "models"
    artifacts = team.workspace / "artifacts"

    def exists(pattern: str) -> Callable[[], bool]:
        return lambda: any(artifacts.glob(pattern))

    faults = {
        "transform": kill_when(exists("Transform/transform_graph/*"), signal.SIGTERM),
        "trainer": kill_when(exists("Trainer/model/*"), signal.SIGKILL),
        "pusher": kill_when(lambda: any(base.glob("flights/.publishing-*")), signal.SIGKILL),
    }
    return team.run("first", team.package(retries=1), faults=faults)


def test_a_run_with_killed_pods_completes(first: dict[str, Pod], team: Team) -> None:
    assert {name: pod.codes for name, pod in first.items() if not pod.succeeded} == {}
    retried = {name: pod.codes for name, pod in first.items() if len(pod.codes) > 1}
    assert retried == {"transform": [5, 0], "trainer": [-9, 0], "pusher": [-9, 0]}
    assert len(first) == 17


def test_retries_leave_no_duplicates(first: dict[str, Pod], team: Team) -> None:
    states = team.executions("first")
    assert states == {node: [mlmd.Execution.COMPLETE] for node in states}
    assert len(states) == 13, "the nodes of a run without tuning and warm start"
    for output in (team.workspace / "artifacts").glob("[!.]*/[!.]*"):
        assert len(list(output.iterdir())) == 1, "the output of a killed pod is removed"
    base = team.workspace / "models" / "flights"
    assert publish.versions(base) == [1]
    assert [path.name for path in base.iterdir() if path.name.startswith(".pub")] == []
    assert publish.verify_hashes(base / "1") == []
    assert model_config.load_served_model(base).aliases == {"stable": 1}


def test_the_run_equals_a_local_run(first: dict[str, Pod], team: Team, flights_run: Run) -> None:
    local_run, cluster_run = flights_run.result, team.record("first")
    assert cluster_run.outcome == local_run["outcome"] == "published"
    assert {step.name: step.state for step in cluster_run.steps} == {
        step["name"]: step["state"] for step in local_run["steps"]
    }
    assert cluster_run.metrics == pytest.approx(local_run["metrics"], rel=1e-6)
    assert cluster_run.hyperparameters == local_run["hyperparameters"]
    assert (cluster_run.span, list(cluster_run.train_spans)) == (
        local_run["span"], local_run["train_spans"],
    )  # fmt: skip
    assert {node: list(upstream) for node, upstream in cluster_run.graph.items()} == {
        node: sorted(upstream) for node, upstream in local_run["graph"].items()
    }
    decisions = {step["name"]: step["decision"] for step in local_run["steps"]}
    for step in cluster_run.steps:
        if step.name != "InfraCheck":  # it measures other times in every run
            assert step.decision == decisions[step.name]


@pytest.mark.parametrize(
    ("node", "output"),
    [
        ("ImportSchemaGen", "schema"),
        ("SchemaGen", "schema"),
        ("ExampleValidator", "anomalies"),
        ("DataGate", "decision"),
    ],
)
def test_artifacts_are_the_same_bytes(
    first: dict[str, Pod], team: Team, flights_run: Run, node: str, output: str
) -> None:
    local = flights_run.artifact(node, output)
    cluster = Run(team.workspace, {}).artifact(node, output)
    names = sorted(str(file.relative_to(local)) for file in local.rglob("*") if file.is_file())
    assert names == sorted(
        str(file.relative_to(cluster)) for file in cluster.rglob("*") if file.is_file()
    )
    for name in names:
        assert (cluster / name).read_bytes() == (local / name).read_bytes(), name


def _rows(run: Run, split: str, count: int | None = None) -> list[bytes]:
    examples = run.artifact("ExampleGen", "examples") / f"Split-{split}"
    [file] = examples.glob("*.gz")
    return list(tfrecords.read([file], count))


@pytest.mark.parametrize("split", ["train", "eval"])
def test_examples_are_equal_and_in_the_same_order(
    first: dict[str, Pod], team: Team, flights_run: Run, split: str
) -> None:
    import tensorflow as tf

    local, cluster = _rows(flights_run, split), _rows(Run(team.workspace, {}), split)
    assert len(local) == len(cluster)
    # The features of a row have no order, so parsed rows are compared.
    for local_row, cluster_row in zip(local[::10], cluster[::10]):
        assert tf.train.Example.FromString(local_row) == tf.train.Example.FromString(cluster_row)


def test_the_published_models_give_equal_answers(
    first: dict[str, Pod], team: Team, flights_run: Run
) -> None:
    import tensorflow as tf

    rows = _rows(flights_run, "eval", 200)
    answers = [
        tf.saved_model.load(str(workspace / "models/flights/1"))
        .signatures["serving_default"](examples=tf.constant(rows))["scores"]
        .numpy()
        for workspace in (flights_run.workspace, team.workspace)
    ]
    assert answers[0] == pytest.approx(answers[1], abs=1e-6)
    cluster = manifest.read(team.workspace / "models/flights/1")
    local = manifest.read(flights_run.workspace / "models/flights/1")
    assert cluster.code_hash == local.code_hash
    assert cluster.spans == local.spans
    assert cluster.run_id == team.record("first").run_id


def test_every_task_has_a_page(first: dict[str, Pod], team: Team) -> None:
    pages = {name: pod.report.read_text() for name, pod in first.items() if pod.report is not None}
    assert pages.keys() == first.keys()
    assert "AUC 0.6" in pages["evaluator"] and "carrier UA" in pages["evaluator"]
    assert "DataGate reports no findings." in pages["data-gate"]
    assert "Columns that changed most" in pages["statistics-gen"]
    assert "Pushed as version 1." in pages["pusher"]
    assert "Not requested." in pages["tuner"]
    assert "Published as version 1" in pages["record"]


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
