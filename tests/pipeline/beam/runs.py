"""Runs of the flights, in this process and on a cluster, and what has to be the same of them."""

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

# Several files of examples, so that there is something to share out.
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
    """Start a cluster, or skip the tests where what it is made of cannot be had."""
    with ExitStack() as opened:
        with pytest.MonkeyPatch.context() as patch:
            # Its Python processes are ended before they would save what was traced.
            patch.delenv(coverage.VARIABLE, raising=False)
            try:
                started = opened.enter_context(cluster)
            except Unavailable as missing:
                pytest.skip(str(missing))
        yield started


def words(folder: Path, settings: str, *more: str) -> list[str]:
    """Return the words of `taxiway` for a run in a folder."""
    file = folder / "taxiway.toml"
    file.write_text(_PROJECT + settings)
    return [*_RUN, "--settings", str(file), "--workspace", str(folder / "workspace"), *more]


def run(folder: Path, settings: str, *more: str) -> Run:
    """Run in a folder, to a good end."""
    done = taxiway(*words(folder, settings, *more))
    assert done.returncode == 0, done.stdout + done.stderr
    return Run(folder / "workspace", json.loads(done.stdout))


class SameAsHere:
    """What a run on a cluster, `there`, has to have in common with the one `here`."""

    def test_the_run_ends_as_in_one_process(self, here: Run, there: Run) -> None:
        assert there.result["outcome"] == here.result["outcome"] == "published"
        assert there.result["metrics"] == pytest.approx(here.result["metrics"], abs=1e-6)
        decided = [{step["name"]: step["decision"] for step in each.result["steps"]}
                   for each in (here, there)]  # fmt: skip
        for decisions in decided:
            del decisions["InfraCheck"]  # it measured other times
        assert decided[0] == decided[1]

    @pytest.mark.parametrize("split", ["train", "eval"])
    def test_the_same_files_hold_the_same_examples_in_the_same_order(
        self, here: Run, there: Run, split: str
    ) -> None:
        import tensorflow as tf

        folders = [each.artifact("ExampleGen", "examples") / f"Split-{split}"
                   for each in (here, there)]  # fmt: skip
        names = [sorted(file.name for file in folder.iterdir()) for folder in folders]
        assert names[0] == names[1] and len(names[0]) > 1
        for name in names[0]:
            ours, theirs = (list(tfrecords.read([folder / name])) for folder in folders)
            assert len(ours) == len(theirs)
            # The features of a row have no order, so that bytes may differ.
            for one, other in zip(ours, theirs):
                assert tf.train.Example.FromString(one) == tf.train.Example.FromString(other)

    @pytest.mark.parametrize("split", ["train", "eval"])
    def test_statistics_are_equal(self, here: Run, there: Run, split: str) -> None:
        import tensorflow_data_validation as tfdv

        known = []
        for each in (here, there):
            folder = each.artifact("StatisticsGen", "statistics") / f"Split-{split}"
            [dataset] = tfdv.load_stats_binary(str(folder / "FeatureStats.pb")).datasets
            known.append({feature.path.step[0]: feature for feature in dataset.features})
        assert known[0].keys() == known[1].keys()
        for name, one in known[0].items():
            other = known[1][name]
            assert one.type == other.type
            assert _counted(one) == _counted(other), name
            assert _measured(one) == pytest.approx(_measured(other), rel=1e-9), name

    def test_transformed_values_are_equal(self, here: Run, there: Run) -> None:
        import tensorflow as tf
        import tensorflow_transform as tft

        folder = here.artifact("ExampleGen", "examples") / "Split-eval"
        rows = list(tfrecords.read(sorted(folder.iterdir()), 100_000))
        values = []
        for each in (here, there):
            graph = tft.TFTransformOutput(str(each.artifact("Transform", "transform_graph")))
            raw = tf.io.parse_example(rows, graph.raw_feature_spec())
            values.append(graph.transform_features_layer()(raw))
        assert values[0].keys() == values[1].keys()
        for name, value in values[0].items():
            assert value.numpy() == pytest.approx(values[1][name].numpy(), abs=1e-6), name

    def test_every_slice_measures_the_same(self, here: Run, there: Run) -> None:
        one, other = (
            results.load(str(each.artifact("Evaluator", "evaluation"))) for each in (here, there)
        )
        assert one.candidate.keys() == other.candidate.keys()
        assert len(one.candidate) > 10
        for where, metrics in one.candidate.items():
            assert other.candidate[where] == pytest.approx(metrics, abs=1e-6, nan_ok=True), where


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
