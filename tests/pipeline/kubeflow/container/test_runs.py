"""Whole runs of a package, compared with the same run on one machine."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from models import tfrecords
from pipeline.settings.metadata import MetadataSettings
from serving.store import manifest, model_config, publish
from tests.conftest import Run
from tests.pipeline.databases import PASSWORD, mariadb
from tests.pipeline.kubeflow.cluster import Cluster, Pod, kill_when
from tests.pipeline.kubeflow.container.teams import Team

pytestmark = pytest.mark.slow

_SECRETS = {"database": {"password": PASSWORD}}


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
