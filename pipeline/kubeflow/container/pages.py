"""Write the page that KFP's user interface shows of a task."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pipeline.kubeflow.container.task import Task
from pipeline.orchestration import recording
from pipeline.runs.records import RunRecord

_log = logging.getLogger(__name__)


def write(file: Path, task: Task, end: dict[str, Any]) -> None:
    """Write the page of a task; log a failure to write it and continue.

    Args:
      file: HTML file that KFP uploads.
      task: task that has ended.
      end: fields of a run record that state how the task failed; empty when it succeeded.
    """
    try:
        content = _render(task, end)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8", errors="backslashreplace")
    except Exception:  # a damaged file may raise anything
        _log.exception("cannot write the page of %s", task.node)


def _render(task: Task, end: dict[str, Any]) -> str:
    from models import features
    from pipeline.report import node_page

    plan = task.run.read_plan()
    columns = features.load(task.settings.features)
    record = RunRecord(
        run_id=plan.run_id if plan else task.run.kfp_run_id,
        began=plan.began if plan else "",
        seconds=sum(step.seconds for step in task.steps),
        columns=(columns.label, *columns.inputs),
        outputs={task.node: task.outputs},
        **{"outcome": "published", "exit_code": 0} | end,
        **recording.data_fields(plan.data if plan else None),
    )
    return node_page.render(record, task.steps[-1])
