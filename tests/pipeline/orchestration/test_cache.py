"""A change reruns what depends on it, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, RUN, Run, copy_project

pytestmark = pytest.mark.slow

# What runs each time: it looks at the world outside of ML Metadata.
_ALWAYS = {"Source", "Start", "LastAcceptedData", "LatestBlessedModel"}


def _ran(clone: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "local_runner.py", *RUN[1:]],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads(done.stdout)["steps"]
    return {step["name"] for step in steps if step["state"] != "cached"} - _ALWAYS


@pytest.fixture(scope="module")
def clone(flights_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, whose workspace the original has run in."""
    folder = copy_project(tmp_path_factory.mktemp("cache") / "clone")
    (folder / "taxiway.toml").write_text(
        f'workspace = "{flights_run.workspace}"\nfeatures = "{PROJECT}/models/flights.toml"\n'
        f'schema_file = "{PROJECT}/schema/schema.pbtxt"\n'
        f'policy_file = "{PROJECT}/schema/policy.toml"\n'
    )
    return folder


@pytest.mark.parametrize(
    ("touched", "reruns"),
    [
        (["README.md"], set()),
        (
            ["pipeline/components/data_gate/examine.py", "models/evaluation.py"],
            {"DataGate", "Evaluator", "InfraCheck", "Pusher"},
        ),
    ],
)  # fmt: skip
def test_touching_a_file_reruns_what_depends_on_it(
    clone: Path, touched: list[str], reruns: set[str]
) -> None:
    for name in touched:
        with (clone / name).open("a") as file:
            file.write("\n# reviewed\n")
    assert _ran(clone) == reruns
