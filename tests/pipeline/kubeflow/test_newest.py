"""The newest SDK of Kubeflow Pipelines reads a package without loss."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from pipeline.kubeflow.compiler.package import Package
from tests import environments
from tests.conftest import PROJECT

_FOLDER = Path(__file__).with_name("newest")
_LOCK = _FOLDER / "requirements.lock"


@pytest.fixture(scope="module")
def python() -> Path:
    """Return the interpreter of an environment with that SDK."""
    environment = environments.made_once("newest-kfp", [_LOCK], _install)
    return environment / "bin" / "python"


def _install(environment: Path) -> None:
    uv = PROJECT / ".uv" / "bin" / "uv"
    if not uv.exists():
        pytest.skip("uv, which `make setup` installs, is missing")
    for args in (
        ["venv", "--python", PROJECT / ".venv/bin/python", environment],
        ["pip", "install", "--require-hashes", "--requirement", _LOCK],
    ):
        made = subprocess.run(
            [uv, "--quiet", *args],
            env=os.environ | {"VIRTUAL_ENV": str(environment)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "error sending request" in made.stderr:
            pytest.skip("the package index cannot be reached")
        assert made.returncode == 0, made.stderr


@pytest.mark.slow
def test_the_newest_sdk_reads_a_package_without_loss(
    python: Path, package: Package, tmp_path: Path
) -> None:
    file = tmp_path / "package.yaml"
    file.write_text(package.to_yaml())
    done = subprocess.run(
        [python, _FOLDER / "read.py", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"pipeline": package.pipeline, "platform": package.platform}
