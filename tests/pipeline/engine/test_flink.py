"""The flights pipeline on a real Flink cluster, beside the same run in one process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import evaluation
from scripts.flink.cluster import Cluster, running
from scripts.flink.downloads import Unavailable
from serving import aliases, store
from tests.conftest import PROJECT, Run, taxiway

pytestmark = pytest.mark.slow

# Several files of examples, so that there is something to share out.
_PROJECT = f"""
features = "{PROJECT}/models/flights.toml"
schema_file = "{PROJECT}/schema/schema.pbtxt"
policy_file = "{PROJECT}/schema/policy.toml"
[beam]
shard_mb = 0.5
"""
_RUN = ("run", "--json", "--span", "201302", "--window", "1")


@pytest.fixture(scope="module")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two task slots, whose Python workers are started by a pool."""
    with ExitStack() as opened:
        try:
            cluster = opened.enter_context(running(tmp_path_factory.mktemp("cluster")))
        except Unavailable as missing:
            pytest.skip(str(missing))
        yield cluster


def _words(folder: Path, settings: str, *more: str) -> list[str]:
    file = folder / "taxiway.toml"
    file.write_text(_PROJECT + settings)
    return [*_RUN, "--settings", str(file), "--workspace", str(folder / "workspace"), *more]


def _run(folder: Path, settings: str, *more: str) -> Run:
    done = taxiway(*_words(folder, settings, *more))
    assert done.returncode == 0, done.stdout + done.stderr
    return Run(folder / "workspace", json.loads(done.stdout))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run in this process."""
    return _run(tmp_path_factory.mktemp("here"), "")


@dataclass(frozen=True)
class Interrupted:
    """A run that lost its TaskManager in the middle of a component."""

    folder: Path
    exit_code: int
    output: str
    errors: str
    left: list[Path]


@pytest.fixture(scope="module")
def interrupted(flink: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    """A run whose TaskManager is killed in its first job; another takes its place."""
    folder = tmp_path_factory.mktemp("there")
    running = subprocess.Popen(
        [Path(sys.executable).with_name("taxiway"), *_words_of_flink(folder, flink)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    _wait_for_a_job(flink)
    flink.kill_task_manager()
    flink.start_task_manager(slots=2)
    output, errors = running.communicate(timeout=300)
    examples = folder / "workspace" / "artifacts" / "ExampleGen" / "examples"
    left = list(examples.iterdir()) if examples.exists() else []
    return Interrupted(folder, running.returncode, output, errors, left)


@pytest.fixture(scope="module")
def there(flink: Cluster, interrupted: Interrupted) -> Run:
    """The same run on the cluster, begun again after the one that was interrupted."""
    before = {job["jid"] for job in flink.jobs()}
    done = taxiway(*_words_of_flink(interrupted.folder, flink))
    assert done.returncode == 0, done.stdout + done.stderr
    states = [job["state"] for job in flink.jobs() if job["jid"] not in before]
    assert states == ["FINISHED"] * 4, "ExampleGen, StatisticsGen, Transform and Evaluator"
    return Run(interrupted.folder / "workspace", json.loads(done.stdout))


def _words_of_flink(folder: Path, flink: Cluster) -> list[str]:
    return _words(folder, flink.settings(parallelism=2), "--engine", "flink")


def _wait_for_a_job(flink: Cluster) -> None:
    for _ in range(1200):
        if any(job["tasks"]["running"] for job in flink.jobs()):
            return
        time.sleep(0.1)
    raise AssertionError("no job has begun")


def test_losing_a_task_manager_fails_clearly(interrupted: Interrupted) -> None:
    assert interrupted.exit_code == 5, interrupted.output + interrupted.errors
    assert json.loads(interrupted.output)["error"].startswith("ExampleGen failed: ")
    assert "Traceback" not in interrupted.errors
    assert interrupted.left == [], "nothing half-written is left"


def test_a_rerun_completes_with_nothing_doubled(there: Run) -> None:
    for folder in (there.workspace / "artifacts").glob("[!.]*/[!.]*"):
        assert len(list(folder.iterdir())) == 1
    base = there.workspace / "models" / "flights"
    assert store.versions(base) == [1]
    assert aliases.of_model(base).aliases == {"stable": 1}


def test_the_run_ends_as_in_one_process(here: Run, there: Run) -> None:
    assert there.result["outcome"] == here.result["outcome"] == "published"
    assert there.result["metrics"] == pytest.approx(here.result["metrics"], abs=1e-6)
    decided = [{step["name"]: step["decision"] for step in run.result["steps"]}
               for run in (here, there)]  # fmt: skip
    for decisions in decided:
        del decisions["InfraCheck"]  # it measured other times
    assert decided[0] == decided[1]


@pytest.mark.parametrize("split", ["train", "eval"])
def test_the_same_files_hold_the_same_examples_in_the_same_order(
    here: Run, there: Run, split: str
) -> None:
    import tensorflow as tf

    folders = [run.artifact("ExampleGen", "examples") / f"Split-{split}" for run in (here, there)]
    names = [sorted(file.name for file in folder.iterdir()) for folder in folders]
    assert names[0] == names[1] and len(names[0]) > 1
    for name in names[0]:
        rows = [
            # The features of a row have no order.
            [tf.train.Example.FromString(row) for row in tf.data.TFRecordDataset(
                str(folder / name), "GZIP").take(500).as_numpy_iterator()]
            for folder in folders
        ]  # fmt: skip
        assert rows[0] == rows[1]


@pytest.mark.parametrize("split", ["train", "eval"])
def test_statistics_are_equal(here: Run, there: Run, split: str) -> None:
    import tensorflow_data_validation as tfdv

    known = []
    for run in (here, there):
        folder = run.artifact("StatisticsGen", "statistics") / f"Split-{split}"
        [dataset] = tfdv.load_stats_binary(str(folder / "FeatureStats.pb")).datasets
        known.append({feature.path.step[0]: feature for feature in dataset.features})
    assert known[0].keys() == known[1].keys()
    for name, one in known[0].items():
        other = known[1][name]
        assert one.type == other.type
        assert _counted(one) == _counted(other), name
        assert _measured(one) == pytest.approx(_measured(other), rel=1e-9), name


def _counted(feature: Any) -> dict[str, Any]:
    """What is exact, whoever counted in whatever order."""
    numbers, text = feature.num_stats, feature.string_stats
    common = numbers.common_stats if feature.HasField("num_stats") else text.common_stats
    return {
        "rows": (common.num_non_missing, common.num_missing, common.tot_num_values),
        "range": (numbers.min, numbers.max, numbers.num_zeros),
        "values": sorted(
            (bucket.label, bucket.sample_count) for bucket in text.rank_histogram.buckets
        ),
        "unique": text.unique,
    }


def _measured(feature: Any) -> list[float]:
    """What depends on the order of additions in its last digits.

    Quantiles are left out: TFDV's are a sketch's, which depends on who merged what with whom.
    """
    return [feature.num_stats.mean, feature.num_stats.std_dev, feature.string_stats.avg_length]


def test_transformed_values_are_equal(here: Run, there: Run) -> None:
    import tensorflow as tf
    import tensorflow_transform as tft

    folder = here.artifact("ExampleGen", "examples") / "Split-eval"
    rows = tf.data.TFRecordDataset(sorted(map(str, folder.iterdir())), "GZIP").batch(100_000)
    values = []
    for run in (here, there):
        graph = tft.TFTransformOutput(str(run.artifact("Transform", "transform_graph")))
        raw = tf.io.parse_example(next(iter(rows)), graph.raw_feature_spec())
        values.append(graph.transform_features_layer()(raw))
    assert values[0].keys() == values[1].keys()
    for name, value in values[0].items():
        assert value.numpy() == pytest.approx(values[1][name].numpy(), abs=1e-6), name


def test_every_slice_measures_the_same(here: Run, there: Run) -> None:
    one, other = (
        evaluation.load(str(run.artifact("Evaluator", "evaluation"))) for run in (here, there)
    )
    assert one.candidate.keys() == other.candidate.keys()
    assert len(one.candidate) > 10
    for where, metrics in one.candidate.items():
        assert other.candidate[where] == pytest.approx(metrics, abs=1e-6, nan_ok=True), where


def test_a_run_is_cached_wherever_it_was_done(there: Run, flink: Cluster) -> None:
    """The results are the same, so there is no reason to do them again elsewhere."""
    jobs = len(flink.jobs())
    again = _run(there.workspace.parent, "")
    states = {step["name"]: step["state"] for step in again.result["steps"]}
    beam = ("ExampleGen", "StatisticsGen", "Transform", "Evaluator")
    assert {name: states[name] for name in beam} == dict.fromkeys(beam, "cached")
    assert len(flink.jobs()) == jobs
