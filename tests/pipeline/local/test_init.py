"""A project of `taxiway init` runs, and changed data is compared with the data before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import PROJECT, taxiway

pytestmark = pytest.mark.slow


def test_two_commands_lead_to_a_published_model_and_changed_data_to_a_comparison(
    tmp_path: Path,
) -> None:
    shutil.copy(PROJECT / "tests/data/penguins.csv", tmp_path)
    init = ("init", "penguins.csv", "--label", "species", "--positive", "Adelie", "--code")
    assert taxiway(*init, cwd=tmp_path).returncode == 0
    done = taxiway("run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    first = json.loads(done.stdout)
    assert (first["version"], first["span"]) == (1, 1)
    assert first["metrics"]["auc"] > 0.9
    assert "hash of the row" in first["hash_split"]
    repeated = json.loads(taxiway("run", "--json", cwd=tmp_path).stdout)
    steps = {step["name"]: step["state"] for step in repeated["steps"]}
    assert steps["DataGate"] == steps["Trainer"] == "cached"

    rows = (tmp_path / "penguins.csv").read_text().splitlines(keepends=True)
    (tmp_path / "penguins.csv").write_text("".join(rows[:300]))
    done = taxiway("run", "--json", cwd=tmp_path)
    changed = json.loads(done.stdout)
    assert changed["span"] == 1
    steps = {step["name"]: step["decision"] for step in changed["steps"]}
    assert "none yet" not in steps["LastAcceptedData"]
    assert "none yet" not in steps["LatestBlessedModel"]
