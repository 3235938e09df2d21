"""A user's own data needs a features file and a schema, no code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import PROJECT, taxiway

pytestmark = pytest.mark.slow


@pytest.fixture
def project(taxi_csv: Path, tmp_path: Path) -> Path:
    shutil.copytree(PROJECT / "tests/data/taxi", tmp_path / "taxi")
    (tmp_path / "taxi" / "rides").mkdir()
    shutil.copy(taxi_csv / "data.csv", tmp_path / "taxi" / "rides" / "rides.csv")
    return tmp_path / "taxi"


def test_taxi_rides_become_a_tuned_blessed_model(project: Path) -> None:
    done = taxiway("run", "--json", "--tune", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert (result["span"], result["version"]) == (2016, 1)
    assert Path(result["model_dir"]) == project / "workspace/models/taxi/1"
    assert result["metrics"]["auc"] > 0.8
    assert "Tuner" in [step["name"] for step in result["steps"]]
    (best,) = (project / "workspace/artifacts/Tuner/best_hyperparameters").iterdir()
    assert set(json.loads((best / "best_hyperparameters.txt").read_text())["values"]) == {
        "width", "depth", "dropout", "learning_rate",
    }  # fmt: skip


def test_a_file_without_rows_is_refused(project: Path) -> None:
    rides = project / "rides" / "rides.csv"
    rides.write_text(rides.read_text().splitlines()[0] + "\n")
    done = taxiway("run", cwd=project)
    assert done.returncode == 3, done.stderr
    assert "no rows" in done.stderr
    assert "Traceback" not in done.stderr
