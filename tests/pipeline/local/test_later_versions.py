"""Runs whose model is compared with, or continues from, the one before."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT, RUN, Run, taxiway

pytestmark = pytest.mark.slow


def _learning(folder: Path, run: Run, train: str) -> Path:
    file = folder / "taxiway.toml"
    file.write_text(
        f'workspace = "{run.workspace}"\nfeatures = "{PROJECT}/models/flights.toml"\n'
        f'schema_file = "{PROJECT}/schema/schema.pbtxt"\n'
        f"[train]\n{train}\n[evaluate]\nmin_auc = 0.0\nmin_slice_auc = 0.0\n"
    )
    return file


@pytest.fixture(scope="module")
def second(flights_run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of a run that goes on from the first one's model."""
    file = _learning(tmp_path_factory.mktemp("second"), flights_run, "epochs = 1")
    done = taxiway(*RUN, "--warm-start", "--settings", file)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_model_as_good_as_the_one_before_becomes_version_2(
    flights_run: Run, second: dict[str, Any]
) -> None:
    assert second["version"] == 2
    decisions = {step["name"]: step["decision"] for step in second["steps"]}
    assert decisions["LatestBlessedModel"] == "compare with an earlier blessed model"
    assert re.match(
        r"AUC [+-]0\.\d{4} against the latest blessed model; better on \d+ of \d+ slices",
        second["comparison"],
    )
    assert second["baseline"] == pytest.approx(flights_run.result["metrics"])
    versions = (flights_run.workspace / "models/flights").iterdir()
    assert sorted(version.name for version in versions) == ["1", "2"]


def test_a_warm_start_goes_on_from_the_blessed_model(
    flights_run: Run, second: dict[str, Any]
) -> None:
    decisions = {step["name"]: step["decision"] for step in second["steps"]}
    base = second["outputs"]["WarmStartModel"]["model"]
    assert decisions["WarmStartModel"] == f"start from model {base['id']}"
    cold, warm = (
        float(next(csv.DictReader((Path(each["uri"]) / "learning_curves.csv").open()))["loss"])
        for each in (
            result["outputs"]["Trainer"]["model_run"] for result in (flights_run.result, second)
        )
    )
    assert warm < cold


def test_a_warm_start_from_another_network_is_refused(flights_run: Run, tmp_path: Path) -> None:
    file = _learning(tmp_path, flights_run, "units = [32]")
    refused = taxiway("run", *RUN[2:], "--warm-start", "--settings", file)
    assert refused.returncode == 2
    assert "train.units was [128, 64] and is now [32]" in refused.stderr
