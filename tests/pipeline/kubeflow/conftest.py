"""The flights pipeline, compiled once."""

from __future__ import annotations

import pytest

from pipeline.kubeflow.compiler.package import Package
from tests.pipeline.kubeflow import packages


@pytest.fixture(scope="session")
def package() -> Package:
    """The package of the flights for a team with a database, secrets and GPUs."""
    return packages.compiled()
