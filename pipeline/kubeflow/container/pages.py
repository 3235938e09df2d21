"""What KFP's user interface shows of a task."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pipeline.kubeflow.container.task import Task
from pipeline.orchestration import recording
from pipeline.runs.records import RunRecord

_log = logging.getLogger(__name__)


def write(file: Path, task: Task, end: dict[str, Any]) -> None:
    """Write the page of a task; it does not fail because that is not possible.

    Args:
      file: where KFP takes it from.
      task: that has ended.
      end: the fields of a run's record that say how it failed; empty when it did not.
    """
    try:
        content = _render(task, end)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8", errors="backslashreplace")
    except Exception:  # whatever stands in a damaged file
        _log.exception("the page of %s is not written", task.node)


def _render(task: Task, end: dict[str, Any]) -> str:
    from models import features
    from pipeline.report import node_page

    plan = task.run.known()
    learned = features.load(task.settings.features)
    record = RunRecord(
        run_id=plan.run_id if plan else task.run.kfp_run,
        began=plan.began if plan else "",
        seconds=sum(step.seconds for step in task.steps),
        columns=(learned.label, *learned.inputs),
        outputs={task.node: task.outputs},
        **{"outcome": "published", "exit_code": 0} | end,
        **recording.of_data(plan.data if plan else None),
    )
    return node_page.render(record, task.steps[-1])
