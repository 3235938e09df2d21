"""A task that was started in another way than packages start it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "the following arguments are required: --node, --run, --settings"),
        (("--node", "Trainer", "--run", "1", "--settings", "x"), "not those of a package"),
        (
            ("--node", "Trainer", "--run", "1", "--settings", "x", "--span", "201302"),
            "unrecognized arguments: --span 201302",
        ),
    ],
)
def test_arguments_that_are_not_a_package_s_are_a_wrong_use(
    words: tuple[str, ...], says: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.kubeflow.container.node", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.endswith("Next   taxiway kubeflow compile\n")
