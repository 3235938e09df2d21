"""A project with code of its own, in a folder outside of the clone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import PROJECT, taxiway

pytestmark = pytest.mark.slow

_OWN = """
[transform]
preprocessing_fn = "rides_model.preprocessing.preprocessing_fn"

[[evaluate.metrics]]
metric = "rides_model.metrics.MeanCost"
config = { threshold = 0.3 }
max = 1.0
"""


@pytest.fixture(scope="module")
def project(taxi_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the package that Taxiway writes as a beginning."""
    folder = tmp_path_factory.mktemp("own") / "taxi"
    shutil.copytree(PROJECT / "tests/data/taxi", folder)
    (folder / "rides").mkdir()
    shutil.copy(taxi_csv / "data.csv", folder / "rides" / "rides.csv")
    shutil.copytree(
        PROJECT / "pipeline/project/template", folder / "rides_model",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    settings = (folder / "taxiway.toml").read_text()
    for section, line in (
        ("train", 'run_fn = "rides_model.trainer.run_fn"'),
        ("tune", 'tuner_fn = "rides_model.tuner.tuner_fn"'),
    ):
        settings = settings.replace(f"[{section}]\n", f"[{section}]\n{line}\n")
    (folder / "taxiway.toml").write_text(settings + _OWN)
    return folder


def test_own_preprocessing_trainer_tuner_and_metrics_make_a_published_model(project: Path) -> None:
    done = taxiway(
        "run", "--json", "--tune", "--settings", project / "taxiway.toml", cwd=project.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["version"] == 1
    assert result["metrics"]["auc"] > 0.8
    assert 0 < result["metrics"]["mean_cost"] < 1
    assert result["hyperparameters"]["units"] in ([32], [64], [128])
    [run] = (project / "workspace/artifacts/Trainer/model_run").iterdir()
    assert {path.name for path in run.iterdir()} >= {"train", "validation"}
    assert all(list(run.glob(f"{split}/events.out.*")) for split in ("train", "validation"))
