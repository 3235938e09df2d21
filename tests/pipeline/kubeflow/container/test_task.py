"""A task with arguments that no package has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.kubeflow import encoding
from pipeline.settings.sections import Settings


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "the following arguments are required: --node, --run, --settings"),
        (("--node", "Trainer", "--run", "1", "--settings", "x"), "not those of a package"),
        (
            ("--node", "Trainer", "--run", "1", "--settings", "x", "--span", "201302"),
            "unrecognized arguments: --span 201302",
        ),
    ],
)
def test_arguments_of_no_package_are_a_usage_error(args: tuple[str, ...], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.kubeflow.container.node", *args],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.endswith("Next   taxiway kubeflow compile\n")


def test_a_task_imports_own_code_from_the_folder_of_the_project(tmp_path: Path) -> None:
    """A module that would hide one of Python's is refused, so the folder is on the import path."""
    (tmp_path / "random.py").touch()
    settings = Settings(code=tmp_path, workspace=tmp_path / "workspace")
    encoded = encoding.encode(settings.model_dump_json(exclude_defaults=True).encode())
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.kubeflow.container.node", "--node", "Trainer",
         "--run", "1", "--settings", encoded],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert f"Stopped: {tmp_path}/random.py: Python's standard library has a module" in done.stderr
    assert done.stderr.endswith("Next   rename random.py, or set `code` to another folder\n")
