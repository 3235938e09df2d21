"""A task with arguments that no package has."""

from __future__ import annotations

import subprocess
import sys

import pytest


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
