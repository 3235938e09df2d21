"""The flights pipeline on a real Flink cluster, beside the same run in one process."""

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
    """A run that did not come to a good end."""

    folder: Path
    exit_code: int
    output: str
    errors: str
    left: list[Path]
    run_id: str


class _Running:
    """A run on the cluster whose first job is under way."""

    def __init__(self, folder: Path, flink: Flink) -> None:
        self._folder = folder
        known = {job["jid"] for job in flink.jobs()}
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("taxiway"), *_words(folder, flink)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        while self.process.poll() is None:
            new = [job for job in flink.jobs() if job["jid"] not in known]
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
    """A run that somebody stops with Ctrl-C in its first job."""
    running = _Running(tmp_path_factory.mktemp("there"), flink)
    os.killpg(running.process.pid, signal.SIGINT)  # a terminal tells all processes of the run
    return running.end()


@pytest.fixture(scope="module")
def interrupted(flink: Flink, stopped: Ended) -> Ended:
    """The next, whose TaskManager is killed in its first job; another takes its place."""
    running = _Running(stopped.folder, flink)
    flink.kill_task_manager()
    flink.start_task_manager(slots=2)
    return running.end()


@pytest.fixture(scope="module")
def there(flink: Flink, interrupted: Ended) -> Run:
    """The same run on the cluster, begun again after those that came to nothing."""
    before = flink.ended_well()
    done = taxiway(*_words(interrupted.folder, flink))
    assert done.returncode == 0, done.stdout + done.stderr
    assert flink.ended_well() == before + len(runs.BEAM), "each of them"
    return Run(interrupted.folder / "workspace", json.loads(done.stdout))


def _words(folder: Path, flink: Flink) -> list[str]:
    return runs.words(folder, flink.settings(parallelism=2), "--engine", "flink")


class TestFlink(runs.SameAsHere):
    """A run on Flink, after others that did not come to an end."""

    def test_ctrl_c_ends_the_job_too(self, flink: Flink, stopped: Ended) -> None:
        assert stopped.exit_code == 130, stopped.output + stopped.errors
        assert flink.end_of(f"flights-ExampleGen-{stopped.run_id}") == "CANCELED"

    def test_losing_a_task_manager_fails_clearly(self, interrupted: Ended) -> None:
        assert interrupted.exit_code == 5, interrupted.output + interrupted.errors
        assert json.loads(interrupted.output)["error"].startswith("ExampleGen failed: ")
        assert "Traceback" not in interrupted.errors
        assert interrupted.left == [], "nothing half-written is left"

    def test_a_rerun_completes_with_nothing_doubled(self, there: Run) -> None:
        for folder in (there.workspace / "artifacts").glob("[!.]*/[!.]*"):
            assert len(list(folder.iterdir())) == 1
        base = there.workspace / "models" / "flights"
        assert publish.versions(base) == [1]
        assert model_config.load_served_model(base).aliases == {"stable": 1}

    def test_a_run_is_cached_wherever_it_was_done(self, there: Run) -> None:
        """The results are the same, so there is no reason to do them again elsewhere."""
        again = runs.run(there.workspace.parent, "")
        states = {step["name"]: step["state"] for step in again.result["steps"]}
        assert {name: states[name] for name in runs.BEAM} == dict.fromkeys(runs.BEAM, "cached")


def test_a_task_on_kubeflow_has_its_work_done_there(flink: Flink, tmp_path: Path) -> None:
    beam = BeamSettings.model_validate(
        tomli.loads(flink.settings(parallelism=2))["beam"]
        | {"components": {"StatisticsGen": ComponentSettings(engine="flink")}}
    )
    workspace = tmp_path / "workspace"
    kubeflow = KubeflowSettings(image="taxiway", project=PROJECT, workspace=workspace, retries=0)
    package = packages.compiled(kubeflow, beam=beam).to_yaml()
    before = flink.ended_well()
    cluster = Cluster(tmp_path / "kfp", parallel=2, preloaded=True)
    pods = cluster.run(package, "one", {"span": 201302, "window": 1})
    assert {name: pod.log for name, pod in pods.items() if not pod.succeeded} == {}
    plan = RunFolder(workspace, "one").read_plan()
    assert plan is not None
    assert flink.end_of(f"flights-StatisticsGen-{plan.run_id}") == "FINISHED"
    assert flink.ended_well() == before + 1, "the others work where their tasks are"
