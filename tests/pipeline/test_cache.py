"""A change reruns what depends on it, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RUN, copy_project

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
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that ran once, with one epoch and easy bounds."""
    folder = copy_project(tmp_path_factory.mktemp("cache") / "clone")
    (folder / "taxiway.toml").write_text(
        "[train]\nepochs = 1\n[evaluate]\nmin_auc = 0.5\nmin_slice_auc = 0.0\nmax_auc_drop = 0.5\n"
    )
    assert "Pusher" in _ran(folder)
    return folder


@pytest.mark.parametrize(
    ("touched", "reruns"),
    [
        (["README.md"], set()),
        (
            ["pipeline/gate/examine.py", "models/evaluation.py"],
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
