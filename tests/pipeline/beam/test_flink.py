"""The flights pipeline on a Flink cluster, compared with the same run in one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli

from pipeline.kubeflow.container.plan import RunFolder
from pipeline.settings.beam import BeamSettings, ComponentSettings
from pipeline.settings.kubeflow import KubeflowSettings
from scripts.clusters.flink import Flink, running
from serving.store import model_config, publish
from tests.conftest import PROJECT, Run, taxiway
from tests.pipeline.beam import runs
from tests.pipeline.kubeflow import packages
from tests.pipeline.kubeflow.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


@pytest.fixture(scope="module")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flink]:
    """A cluster of two task slots, whose Python workers are started by a pool."""
    with runs.or_skip(running(tmp_path_factory.mktemp("cluster"))) as cluster:
        yield cluster


@dataclass(frozen=True)
class Ended:
    """A run that did not succeed."""

    folder: Path
    exit_code: int
    output: str
    errors: str
    left: list[Path]
    run_id: str


class _Running:
    """A run on the cluster whose first job is running."""

    def __init__(self, folder: Path, flink: Flink) -> None:
        self._folder = folder
        earlier = {job["jid"] for job in flink.jobs()}
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("taxiway"), *_arguments(folder, flink)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        while self.process.poll() is None:
            new = [job for job in flink.jobs() if job["jid"] not in earlier]
            if any(job["tasks"]["running"] for job in new):
                return
            time.sleep(0.1)
        raise AssertionError("no job has begun")

    def end(self) -> Ended:
        output, errors = self.process.communicate(timeout=300)
        examples = self._folder / "workspace" / "artifacts" / "ExampleGen" / "examples"
        left = list(examples.iterdir()) if examples.exists() else []
        newest = max((self._folder / "workspace" / "logs").iterdir())
        return Ended(self._folder, self.process.returncode, output, errors, left, newest.stem)


@pytest.fixture(scope="module")
def stopped(flink: Flink, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A run that the user stops with Ctrl-C in its first job."""
    running = _Running(tmp_path_factory.mktemp("cluster-run"), flink)
    os.killpg(
        running.process.pid, signal.SIGINT
    )  # a terminal sends the signal to all processes of the run
    return running.end()


@pytest.fixture(scope="module")
def interrupted(flink: Flink, stopped: Ended) -> Ended:
    """The next run, whose TaskManager is killed in its first job and replaced by another."""
    running = _Running(stopped.folder, flink)
    flink.kill_task_manager()
    flink.start_task_manager(slots=2)
    return running.end()


@pytest.fixture(scope="module")
def cluster_run(flink: Flink, interrupted: Ended) -> Run:
    """The same run on the cluster, started again after the runs that failed."""
    before = flink.finished_jobs()
    done = taxiway(*_arguments(interrupted.folder, flink))
    assert done.returncode == 0, done.stdout + done.stderr
    assert flink.finished_jobs() == before + len(runs.BEAM), "one job for every component"
    return Run(interrupted.folder / "workspace", json.loads(done.stdout))


def _arguments(folder: Path, flink: Flink) -> list[str]:
    return runs.arguments(folder, flink.settings(parallelism=2), "--engine", "flink")


class TestFlink(runs.SameAsLocal):
    """A run on Flink, after runs that were stopped or interrupted."""

    def test_ctrl_c_cancels_the_job_too(self, flink: Flink, stopped: Ended) -> None:
        assert stopped.exit_code == 130, stopped.output + stopped.errors
        assert flink.final_state(f"flights-ExampleGen-{stopped.run_id}") == "CANCELED"

    def test_a_lost_task_manager_fails_the_run_with_a_reason(self, interrupted: Ended) -> None:
        assert interrupted.exit_code == 5, interrupted.output + interrupted.errors
        assert json.loads(interrupted.output)["error"].startswith("ExampleGen failed: ")
        assert "Traceback" not in interrupted.errors
        assert interrupted.left == [], "no unfinished file is left"

    def test_a_rerun_completes_without_duplicates(self, cluster_run: Run) -> None:
        for folder in (cluster_run.workspace / "artifacts").glob("[!.]*/[!.]*"):
            assert len(list(folder.iterdir())) == 1
        base = cluster_run.workspace / "models" / "flights"
        assert publish.versions(base) == [1]
        assert model_config.load_served_model(base).aliases == {"stable": 1}

    def test_a_run_is_cached_for_every_engine(self, cluster_run: Run) -> None:
        """Every engine computes the same result, so another engine uses the cache."""
        again = runs.run(cluster_run.workspace.parent, "")
        states = {step["name"]: step["state"] for step in again.result["steps"]}
        assert {name: states[name] for name in runs.BEAM} == dict.fromkeys(runs.BEAM, "cached")


def test_a_task_on_kubeflow_uses_the_cluster(flink: Flink, tmp_path: Path) -> None:
    beam = BeamSettings.model_validate(
        tomli.loads(flink.settings(parallelism=2))["beam"]
        | {"components": {"StatisticsGen": ComponentSettings(engine="flink")}}
    )
    workspace = tmp_path / "workspace"
    kubeflow = KubeflowSettings(image="taxiway", project=PROJECT, workspace=workspace, retries=0)
    package = packages.compiled(kubeflow, beam=beam).to_yaml()
    before = flink.finished_jobs()
    cluster = Cluster(tmp_path / "kfp", parallel=2, preloaded=True)
    pods = cluster.run(package, "one", {"span": 201302, "window": 1})
    assert {name: pod.log for name, pod in pods.items() if not pod.succeeded} == {}
    plan = RunFolder(workspace, "one").read_plan()
    assert plan is not None
    assert flink.final_state(f"flights-StatisticsGen-{plan.run_id}") == "FINISHED"
    assert flink.finished_jobs() == before + 1, "the other components work in their tasks"
