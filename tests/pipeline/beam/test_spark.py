"""The flights pipeline on a standalone Spark, compared with the same run in one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.clusters.spark import Spark, running
from tests.conftest import Run
from tests.pipeline.beam import runs

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    """A cluster of two cores, whose Python workers are started by a pool."""
    with runs.or_skip(running(tmp_path_factory.mktemp("cluster"))) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster_run(spark: Spark, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on the cluster."""
    folder = tmp_path_factory.mktemp("cluster-run")
    run = runs.run(folder, spark.settings(parallelism=2), "--engine", "spark")
    assert spark.finished_jobs() == len(runs.BEAM), "one job for every component"
    return run


class TestSpark(runs.SameAsLocal):
    """A run on Spark."""
