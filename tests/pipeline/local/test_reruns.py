"""Runs that repeat or resume an earlier one."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import PROJECT, RUN, Run, taxiway

pytestmark = pytest.mark.slow

TAXIWAY = Path(sys.executable).with_name("taxiway")


def _states(result: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in result["steps"]}


def test_of_two_unchanged_reruns_at_once_one_is_refused_and_the_other_is_all_cached(
    flights_run: Run,
) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = list(
            pool.map(lambda _: taxiway(*RUN, "--workspace", flights_run.workspace), range(2))
        )
    ended = {run.returncode: (run.stdout, run.stderr) for run in runs}
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
