"""Whole runs on real flights, as a user starts them."""

from __future__ import annotations

import csv
import fcntl
import html
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from serving.store import manifest, publish
from serving.store.manifest import Spans
from tests.conftest import PROJECT, RUN, Run, taxiway

pytestmark = pytest.mark.slow

TAXIWAY = Path(sys.executable).with_name("taxiway")

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
    assert result["comparison"].startswith("first model: only value bounds apply")


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
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert "a symbolic link; only files and folders are published" in done.stderr
    versions = (flights_run.workspace / "models/flights").iterdir()
    assert [version.name for version in versions] == ["1"]


def test_learning_curves_are_kept(flights_run: Run) -> None:
    curves = flights_run.artifact("Trainer", "model_run") / "learning_curves.csv"
    assert curves.read_text().startswith("epoch,auc,loss,val_auc,val_loss\n1,")


def test_what_libraries_print_is_in_the_log(flights_run: Run) -> None:
    assert "Warning" in Path(flights_run.result["log_file"]).read_text()
    # Nor is any of it on standard output, which was read as JSON.
    assert flights_run.errors == ""


def test_of_two_unchanged_reruns_at_once_one_is_refused_and_the_other_is_all_cached(
    flights_run: Run,
) -> None:
    runs = [
        subprocess.Popen(
            [TAXIWAY, *RUN, "--workspace", flights_run.workspace],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = {run.returncode: said for said, run in [(run.communicate(), run) for run in runs]}
    assert sorted(ended) == [0, 2]
    assert "another run" in json.loads(ended[2][0])["error"]
    output, errors = ended[0]
    assert errors == ""
    result = json.loads(output)
    ran = {name for name, state in _states(result).items() if state != "cached"}
    assert ran == {"Source", "Start", "LastAcceptedData", "LatestBlessedModel"}
    assert result["version"] == 1
    assert result["metrics"] == flights_run.result["metrics"]


def test_outputs_that_are_gone_are_made_again(flights_run: Run, tmp_path: Path) -> None:
    workspace = flights_run.workspace
    shutil.rmtree(flights_run.artifact("SchemaGen", "schema"))
    shutil.rmtree(workspace / "models" / "flights" / "1")
    again = taxiway(*RUN, "--workspace", workspace)
    assert again.returncode == 0, again.stdout + again.stderr
    states = _states(json.loads(again.stdout))
    assert (states["SchemaGen"], states["Pusher"], states["Trainer"]) == ("done", "done", "cached")
    assert (workspace / "models/flights/1/saved_model.pb").is_file()


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


def test_a_second_run_in_a_workspace_is_refused(flights_run: Run) -> None:
    with (flights_run.workspace / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = taxiway(*RUN, "--workspace", flights_run.workspace)
    assert refused.returncode == 2
    assert "another run" in json.loads(refused.stdout)["error"]


def _interrupted(workspace: Path, how: signal.Signals, where: str) -> tuple[int, str]:
    """Run until a component has begun, and interrupt it there; return the exit code and stderr."""
    run = subprocess.Popen(
        [TAXIWAY, "run", *RUN[2:], "--workspace", workspace],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell in the background passes on that it ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not (workspace / "artifacts" / where).exists():
        assert run.poll() is None
        time.sleep(0.1)
    run.send_signal(how)
    _, err = run.communicate()
    return run.returncode, err


def test_an_interrupted_run_resumes(flights_run: Run, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(flights_run.workspace / "data", workspace / "data")
    code, err = _interrupted(workspace, signal.SIGINT, "Transform")
    assert code == 130, err
    assert "Continue with:  taxiway run --span 201302 --window 1" in err
    code, _ = _interrupted(workspace, signal.SIGKILL, "Trainer")
    assert code == -signal.SIGKILL
    again = taxiway(*RUN, "--workspace", workspace)
    assert again.returncode == 0, again.stdout + again.stderr
    steps = {step["name"]: step for step in json.loads(again.stdout)["steps"]}
    assert steps["Start"]["decision"] == "interrupted earlier: Trainer"
    states = [steps[name]["state"] for name in ("StatisticsGen", "Transform", "Trainer")]
    assert states == ["cached", "cached", "done"]
    for where in ("Transform", "Trainer"):
        for output in (workspace / "artifacts" / where).glob("[!.]*"):
            assert len(list(output.iterdir())) == 1, "what the interrupted component wrote is gone"
    # The same data and seed give the same model.
    assert json.loads(again.stdout)["metrics"] == flights_run.result["metrics"]


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
    assert decisions["WarmStartModel"] == f"go on from model {base['id']}"
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
