"""A workspace that was moved, or lost its database, compares candidates all the same."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from tests.conftest import taxiway

pytestmark = pytest.mark.slow

_SETTINGS = """
name = "rides"
features = "features.toml"
schema_file = "schema.pbtxt"
[source]
kind = "folder"
path = "data"
[train]
epochs = 4
batch_size = 64
[evaluate]
min_auc = 0.0
min_slice_auc = 0.0
"""
_SCHEMA = """
feature { name: "late" type: INT presence { min_fraction: 1 } int_domain { min: 0 max: 1 } }
feature { name: "good" type: FLOAT }
feature { name: "noise" type: FLOAT }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two spans of rows, whose label depends on one of two columns."""
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    numbers = random.Random(1)
    for month in ("202401", "202402"):
        rows = [(numbers.gauss(0, 1), numbers.gauss(0, 1)) for _ in range(500)]
        lines = [
            f"{int(good + numbers.gauss(0, 0.5) > 0)},{good:.6f},{noise:.6f}"
            for good, noise in rows
        ]
        text = "\n".join(["late,good,noise", *lines]) + "\n"
        (folder / "data" / f"rides-{month}.csv").write_text(text)
    (folder / "schema.pbtxt").write_text(_SCHEMA)
    (folder / "features.toml").write_text('label = "late"\nnumeric = ["good"]\n')
    (folder / "taxiway.toml").write_text(_SETTINGS)
    return folder


def test_a_worse_model_is_refused_in_a_moved_workspace_and_without_its_database(
    project: Path, tmp_path: Path
) -> None:
    done = taxiway("run", "--json", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    moved = tmp_path / "moved" / "project"
    moved.parent.mkdir()
    project.rename(moved)
    (moved / "features.toml").write_text('label = "late"\nnumeric = ["noise"]\n')
    refused = taxiway("run", cwd=moved)
    assert refused.returncode == 4, refused.stdout + refused.stderr
    assert f"workspace moved from {project / 'workspace'}" in refused.stdout
    assert "from the latest blessed model's; the minimum is -0.02" in refused.stderr

    shutil.rmtree(moved / "workspace" / "metadata")
    shutil.rmtree(moved / "workspace" / "artifacts")
    refused = taxiway("run", cwd=moved)
    assert refused.returncode == 4, refused.stdout + refused.stderr
    assert "baseline: version 1, from its files" in refused.stdout

    fresh = taxiway("run", "--json", "--no-baseline", cwd=moved)
    assert fresh.returncode == 0, fresh.stdout + fresh.stderr
    record = json.loads(fresh.stdout)
    assert record["version"] == 2 and record["no_baseline"]
    assert "--no-baseline" in record["comparison"]
    assert "no model (--no-baseline)" in Path(record["report"]).read_text()
    facts = json.loads((moved / "workspace/models/rides/2/taxiway.json").read_text())
    assert facts["no_baseline"] and facts["columns"] == ["late", "noise"]
    shown = taxiway("registry", "show", "2", cwd=moved)
    assert "no model (--no-baseline)" in shown.stdout
