"""Runs of the flights in one process and on a cluster, and the tests that compare them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from models import tfrecords
from pipeline.components.evaluator import results
from scripts.clusters.downloads import Unavailable
from tests import coverage
from tests.conftest import PROJECT, Run, taxiway

Cluster = TypeVar("Cluster")

# Small shards, so that there are several files of examples to distribute.
_PROJECT = f"""
features = "{PROJECT}/models/flights.toml"
schema_file = "{PROJECT}/schema/schema.pbtxt"
policy_file = "{PROJECT}/schema/policy.toml"
[beam]
shard_mb = 0.5
"""
_RUN = ("run", "--json", "--span", "201302", "--window", "1")

BEAM = ("ExampleGen", "StatisticsGen", "Transform", "Evaluator")


@contextmanager
def or_skip(cluster: AbstractContextManager[Cluster]) -> Iterator[Cluster]:
    """Start a cluster, or skip the tests if a package that it needs is not available."""
    with ExitStack() as resources:
        with pytest.MonkeyPatch.context() as patch:
            # The cluster's Python processes are killed before they would save their coverage.
            patch.delenv(coverage.VARIABLE, raising=False)
            try:
                started = resources.enter_context(cluster)
            except Unavailable as missing:
                pytest.skip(str(missing))
        yield started


def arguments(folder: Path, settings: str, *more: str) -> list[str]:
    """Return the arguments of `taxiway` for a run in a folder."""
    file = folder / "taxiway.toml"
    file.write_text(_PROJECT + settings)
    return [*_RUN, "--settings", str(file), "--workspace", str(folder / "workspace"), *more]


def run(folder: Path, settings: str, *more: str) -> Run:
    """Run the pipeline in a folder, and check that the run succeeds."""
    done = taxiway(*arguments(folder, settings, *more))
    assert done.returncode == 0, done.stdout + done.stderr
    return Run(folder / "workspace", json.loads(done.stdout))


class SameAsLocal:
    """Tests that a run on a cluster has the results of the run in one process."""

    def test_the_outcome_is_the_same(self, local_run: Run, cluster_run: Run) -> None:
        assert cluster_run.result["outcome"] == local_run.result["outcome"] == "published"
        metrics = local_run.result["metrics"]
        assert cluster_run.result["metrics"] == pytest.approx(metrics, abs=1e-6)
        decisions = [{step["name"]: step["decision"] for step in run.result["steps"]}
                     for run in (local_run, cluster_run)]  # fmt: skip
        for by_step in decisions:
            del by_step["InfraCheck"]  # its decision states times, which differ
        assert decisions[0] == decisions[1]

    @pytest.mark.parametrize("split", ["train", "eval"])
    def test_the_same_files_hold_the_same_examples_in_the_same_order(
        self, local_run: Run, cluster_run: Run, split: str
    ) -> None:
        import tensorflow as tf

        folders = [run.artifact("ExampleGen", "examples") / f"Split-{split}"
                   for run in (local_run, cluster_run)]  # fmt: skip
        names = [sorted(file.name for file in folder.iterdir()) for folder in folders]
        assert names[0] == names[1] and len(names[0]) > 1
        for name in names[0]:
            local, cluster = (list(tfrecords.read([folder / name])) for folder in folders)
            assert len(local) == len(cluster)
            # The features of a row have no order, so the bytes may differ.
            for one, other in zip(local, cluster):
                assert tf.train.Example.FromString(one) == tf.train.Example.FromString(other)

    @pytest.mark.parametrize("split", ["train", "eval"])
    def test_statistics_are_equal(self, local_run: Run, cluster_run: Run, split: str) -> None:
        import tensorflow_data_validation as tfdv

        features = []
        for run in (local_run, cluster_run):
            folder = run.artifact("StatisticsGen", "statistics") / f"Split-{split}"
            [dataset] = tfdv.load_stats_binary(str(folder / "FeatureStats.pb")).datasets
            features.append({feature.path.step[0]: feature for feature in dataset.features})
        assert features[0].keys() == features[1].keys()
        for name, one in features[0].items():
            other = features[1][name]
            assert one.type == other.type
            assert _exact_statistics(one) == _exact_statistics(other), name
            assert _approximate_statistics(one) == pytest.approx(
                _approximate_statistics(other), rel=1e-9
            ), name

    def test_transformed_values_are_equal(self, local_run: Run, cluster_run: Run) -> None:
        import tensorflow as tf
        import tensorflow_transform as tft

        folder = local_run.artifact("ExampleGen", "examples") / "Split-eval"
        rows = list(tfrecords.read(sorted(folder.iterdir()), 100_000))
        values = []
        for run in (local_run, cluster_run):
            graph = tft.TFTransformOutput(str(run.artifact("Transform", "transform_graph")))
            raw = tf.io.parse_example(rows, graph.raw_feature_spec())
            values.append(graph.transform_features_layer()(raw))
        assert values[0].keys() == values[1].keys()
        for name, value in values[0].items():
            assert value.numpy() == pytest.approx(values[1][name].numpy(), abs=1e-6), name

    def test_the_metrics_of_every_slice_are_equal(self, local_run: Run, cluster_run: Run) -> None:
        one, other = (
            results.load(str(run.artifact("Evaluator", "evaluation")))
            for run in (local_run, cluster_run)
        )
        assert one.candidate.keys() == other.candidate.keys()
        assert len(one.candidate) > 10
        for slice_, metrics in one.candidate.items():
            assert other.candidate[slice_] == pytest.approx(metrics, abs=1e-6, nan_ok=True), slice_


def _exact_statistics(feature: Any) -> dict[str, Any]:
    """Return the statistics that do not depend on the order of the rows."""
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


def _approximate_statistics(feature: Any) -> list[float]:
    """Return the statistics whose last digits depend on the order of additions.

    TFDV computes quantiles from a sketch, which depends on the order of merges, so they are not
    compared.
    """
    return [feature.num_stats.mean, feature.num_stats.std_dev, feature.string_stats.avg_length]
