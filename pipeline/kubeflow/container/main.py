"""Run one task: select its function, call it and record how it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from pipeline.errors import TaxiwayError
from pipeline.kubeflow import names
from pipeline.kubeflow.container.plan import TaskEnd
from pipeline.kubeflow.container.task import Task, parse, print_error, utc_now
from pipeline.orchestration import launch as launching
from pipeline.orchestration import recording
from pipeline.project import import_path
from pipeline.runs.progress import Step

# TensorFlow Transform selects the legacy Keras unless this is set before its first import.
os.environ["TF_USE_LEGACY_KERAS"] = "0"


def main(args: list[str]) -> int:
    """Run the task that a container's arguments describe.

    Args:
      args: command-line arguments of the container.

    Returns:
      The exit code.
    """
    try:
        task = parse(args)
    except TaxiwayError as error:
        print_error(error)
        return error.exit_code
    return execute(task)


def execute(task: Task) -> int:
    """Run a task and record how it ended.

    Args:
      task: task to run.

    Returns:
      The exit code; the codes are those of `taxiway run`.
    """
    try:
        with launching.explain_errors(task.node):
            import_path.activate(task.settings.code)
            _function_for(task.node)(task)
    except TaxiwayError as error:
        print_error(error)
        _record_end(task, recording.end_fields(error))
        return error.exit_code
    _record_end(task, {})
    return 0


def _function_for(node: str) -> Callable[[Task], None]:
    if node == names.START:
        from pipeline.kubeflow.container.start import start

        return start
    if node == names.RECORD:
        from pipeline.kubeflow.container.record import write_record

        return write_record
    from pipeline.kubeflow.container.launch import launch

    return launch


def _record_end(task: Task, end: dict[str, Any]) -> None:
    if task.node == names.RECORD:
        return
    if end and not task.steps:
        task.steps.append(Step(task.node, "failed", 0.0))
    try:
        task.run.write_end(task.node, TaskEnd(at=utc_now(), steps=tuple(task.steps), **end))
    except (OSError, TaxiwayError) as error:
        print(f"Cannot record how the task ended: {error}", file=sys.stderr)
    if task.report is not None:
        from pipeline.kubeflow.container import pages

        pages.write(task.report, task, end)
