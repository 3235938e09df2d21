"""Runs on real flights that refuse data or a model."""

from __future__ import annotations

import html
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, RUN, Run, taxiway

pytestmark = pytest.mark.slow

TAXIWAY = Path(sys.executable).with_name("taxiway")


def test_a_model_that_cannot_be_served_is_not_published(flights_run: Run, tmp_path: Path) -> None:
    """A run_fn of a user's that exports what TF Serving cannot load."""
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\nfrom models import trainer\n\n\n"
        "def run_fn(fn_args):\n    trainer.run_fn(fn_args)\n"
        "    model = Path(fn_args.serving_model_dir)\n"
        "    (model / 'variables' / 'extra').symlink_to('/etc/hosts')\n"
    )
    (tmp_path / "taxiway.toml").write_text(
        f'workspace = "{flights_run.workspace}"\nfeatures = "{PROJECT}/models/flights.toml"\n'
        f'schema_file = "{PROJECT}/schema/schema.pbtxt"\n[train]\nrun_fn = "mine.run_fn"\n'
        "epochs = 1\n[evaluate]\nmin_auc = 0.5\nmin_slice_auc = 0.0\n"
    )
    done = subprocess.run(
        [TAXIWAY, *RUN[:1], *RUN[2:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert "expected a file or a folder, got a symbolic link" in done.stderr
    versions = (flights_run.workspace / "models/flights").iterdir()
    assert [version.name for version in versions] == ["1"]


def test_a_model_that_misses_bounds_and_is_worse_than_the_one_before_is_refused(
    flights_run: Run, tmp_path: Path
) -> None:
    (tmp_path / "taxiway.toml").write_text(
        f'workspace = "{flights_run.workspace}"\nfeatures = "{PROJECT}/models/flights.toml"\n'
        f'schema_file = "{PROJECT}/schema/schema.pbtxt"\n'
        "[train]\nepochs = 1\nlearning_rate = 1e-6\n"
        "[evaluate]\nmin_auc = 0.99\nmin_slice_auc = 0.65\n"
    )
    refused = taxiway(*RUN[:1], *RUN[2:], "--settings", tmp_path / "taxiway.toml")
    assert refused.returncode == 4, refused.stdout + refused.stderr
    assert re.search(
        r"auc \(overall\) is 0\.\d+ \(95 % CI 0\.\d+ to 0\.\d+, 23,611 rows\); "
        r"the minimum is 0\.99 \(short by 0\.\d+\)\n",
        refused.stderr,
    )
    assert re.search(
        r"auc \(overall\) changed by -0\.\d+ from the latest blessed model's; "
        r"the minimum is -0\.02 \(short by 0\.\d+\)",
        refused.stderr,
    )
    missed = re.findall(
        r"auc \((\w+ \w+)\) is 0\.\d+ \(95 % CI 0\.\d+ to 0\.\d+, ([\d,]+) rows\); "
        r"the minimum is 0\.65 \(short by 0\.\d+\)",
        refused.stderr,
    )
    assert missed
    assert all(int(rows.replace(",", "")) >= 1000 for _, rows in missed)
    [report] = re.findall(r"^Report (.*)$", refused.stderr, re.MULTILINE)
    assert "Not published: the model is not good enough" in Path(report).read_text()
    [run_id] = re.findall(r"reports/(.*)\.html", report)
    known = taxiway("registry", "show", run_id, "--workspace", flights_run.workspace)
    assert "the minimum is 0.99 (short by 0." in known.stdout
    assert "Traceback" not in refused.stderr
    assert sorted((flights_run.workspace / "models/flights").iterdir()) == [
        flights_run.workspace / "models/flights/1"
    ]


def test_data_that_breaks_the_schema_stops_the_run(flights_run: Run, tmp_path: Path) -> None:
    schema = (PROJECT / "schema/schema.pbtxt").read_text()
    assert '  value: "EWR"\n' in schema
    folder = tmp_path / "my project"
    folder.mkdir()
    (folder / "schema.pbtxt").write_text(schema.replace('  value: "EWR"\n', ""))
    (folder / "taxiway.toml").write_text(
        f'features = "{PROJECT}/models/flights.toml"\nschema_file = "schema.pbtxt"\n'
    )
    transformed = flights_run.artifact("Transform", "transform_graph")
    options = ("--settings", folder / "taxiway.toml", "--workspace", flights_run.workspace)
    refused = taxiway(*RUN, *options)
    assert refused.returncode == 3
    error = json.loads(refused.stdout)
    assert error["exit_code"] == 3
    shows_the_change = shlex.join(["taxiway", "schema", "diff", *map(str, options), *RUN[2:]])
    assert error["next"].partition("   (")[0] == shows_the_change
    assert error["next"] in html.unescape(Path(error["report"]).read_text())
    [train, eval_] = error["findings"]
    assert (train["kind"], train["feature"], train["split"]) == ("domain", "origin", "train")
    assert "EWR" in train["found"] and train["expected"] == "one of JFK, LGA (2 values)"
    assert (train["rows"], eval_["rows"]) == (9_616, 8_575)
    quarantine = Path(error["quarantine"]).read_text().splitlines()
    assert quarantine[0] == "file,row,column,found,expected,content"
    assert quarantine[1].startswith('flights.csv,1,origin,EWR,"one of JFK, LGA (2 values)"')
    assert len(quarantine) == 1001
    assert flights_run.artifact("Transform", "transform_graph") == transformed
