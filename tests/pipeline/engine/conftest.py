"""Beside what a cluster's run is held to."""

from __future__ import annotations

import pytest

from tests.conftest import Run
from tests.pipeline.engine import runs


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run in this process."""
    return runs.run(tmp_path_factory.mktemp("here"), "")
