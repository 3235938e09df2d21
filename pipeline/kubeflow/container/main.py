"""Run one task: choose its work, do it and write down how it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from pipeline.errors import TaxiwayError
from pipeline.kubeflow import names
from pipeline.kubeflow.container.plan import Ended
from pipeline.kubeflow.container.task import Task, now, parse, tell
from pipeline.orchestration import launch as launching
from pipeline.orchestration import recording
from pipeline.runs.progress import Step

# TensorFlow Transform selects the legacy Keras unless this is set before its first import.
os.environ["TF_USE_LEGACY_KERAS"] = "0"


def main(words: list[str]) -> int:
    """Run a task.

    Args:
      words: the container's arguments.

    Returns:
      The exit code.
    """
    try:
        task = parse(words)
    except TaxiwayError as error:
        tell(error)
        return error.exit_code
    return execute(task)


def execute(task: Task) -> int:
    """Do a task's work, and write down how it ended.

    Args:
      task: what to do.

    Returns:
      The exit code: as `taxiway` has them.
    """
    try:
        with launching.explained(task.node):
            _work(task.node)(task)
    except TaxiwayError as error:
        tell(error)
        _write_down(task, recording.of_end(error))
        return error.exit_code
    _write_down(task, {})
    return 0


def _work(node: str) -> Callable[[Task], None]:
    if node == names.START:
        from pipeline.kubeflow.container.start import start

        return start
    if node == names.RECORD:
        from pipeline.kubeflow.container.record import record

        return record
    from pipeline.kubeflow.container.launch import launch

    return launch


def _write_down(task: Task, end: dict[str, Any]) -> None:
    if task.node == names.RECORD:
        return
    if end and not task.steps:
        task.steps.append(Step(task.node, "failed", 0.0))
    try:
        task.run.write_ended(task.node, Ended(at=now(), steps=tuple(task.steps), **end))
    except (OSError, TaxiwayError) as error:
        print(f"How the task ended is not written down: {error}", file=sys.stderr)
    if task.report is not None:
        from pipeline.kubeflow.container import pages

        pages.write(task.report, task, end)
