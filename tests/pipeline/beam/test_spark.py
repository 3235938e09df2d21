"""The flights pipeline on a real standalone Spark, beside the same run in one process."""

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
def there(spark: Spark, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on the cluster."""
    folder = tmp_path_factory.mktemp("there")
    found = runs.run(folder, spark.settings(parallelism=2), "--engine", "spark")
    assert spark.ended_well() == len(runs.BEAM), "each of them"
    return found


class TestSpark(runs.SameAsHere):
    """A run on Spark."""
