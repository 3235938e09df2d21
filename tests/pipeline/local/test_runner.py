"""Whole runs on real flights, as a user starts them."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from serving.store import manifest, publish
from serving.store.manifest import Spans
from tests.conftest import RUN, Run, taxiway

pytestmark = pytest.mark.slow

NODES = [
    "Source", "Start", "ExampleGen", "ImportSchemaGen", "StatisticsGen", "ExampleValidator",
    "SchemaGen", "LastAcceptedData", "DataGate", "Transform", "Trainer", "LatestBlessedModel",
    "Evaluator", "InfraCheck", "Pusher",
]  # fmt: skip


def _states(result: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in result["steps"]}


def test_a_blessed_model_is_published_as_version_1(flights_run: Run) -> None:
    result = flights_run.result
    assert result["outcome"] == "published"
    assert result["version"] == 1
    assert Path(result["model_dir"]) == flights_run.workspace / "models" / "flights" / "1"
    assert (flights_run.workspace / "models/flights/1/saved_model.pb").is_file()
    assert result["metrics"]["example_count"] == 23_611
    assert result["metrics"]["auc"] > 0.6
    assert sorted(_states(result)) == sorted(NODES)
    assert result["comparison"].startswith("first model: max_auc_drop does not apply")


def test_a_published_version_says_where_it_comes_from(flights_run: Run) -> None:
    version = flights_run.workspace / "models/flights/1"
    assert publish.verify_hashes(version) == []
    known = manifest.read(version)
    assert known.run_id == flights_run.result["run_id"]
    assert known.spans == Spans(train=(201301,), eval=201302)
    assert known.metrics["auc"] == flights_run.result["metrics"]["auc"]
    assert {"carrier UA", "origin EWR", "hour_band morning"} <= {
        each.slice for each in known.slices
    }
    assert known.hyperparameters["epochs"] == 6
    assert len(known.code_hash) == 64
    assert known.blessing.blessed
    assert {"execution_id", "model_artifact_id", "model_blessing_artifact_id"} <= set(known.mlmd)


def test_learning_curves_are_kept(flights_run: Run) -> None:
    curves = flights_run.artifact("Trainer", "model_run") / "learning_curves.csv"
    assert curves.read_text().startswith("epoch,auc,loss,val_auc,val_loss\n1,")


def test_what_libraries_print_is_in_the_log(flights_run: Run) -> None:
    assert "Warning" in Path(flights_run.result["log_file"]).read_text()
    # Nor is any of it on standard output, which was read as JSON.
    assert flights_run.errors == ""


def test_a_second_run_in_a_workspace_is_refused(flights_run: Run) -> None:
    with (flights_run.workspace / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = taxiway(*RUN, "--workspace", flights_run.workspace)
    assert refused.returncode == 2
    assert "another run" in json.loads(refused.stdout)["error"]
