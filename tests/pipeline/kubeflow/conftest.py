"""Fixtures: the flights pipeline, compiled once per session."""

from __future__ import annotations

import pytest

from pipeline.kubeflow.compiler.package import Package
from tests.pipeline.kubeflow import packages


@pytest.fixture(scope="session")
def package() -> Package:
    """Return the flights' package of a team with a database, secrets and GPUs."""
    return packages.compiled()
