"""The last task: record what the run did, however it ended."""

from __future__ import annotations

import datetime
import json
import shutil
import time
from collections.abc import Mapping
from typing import Any

from pipeline.components import names as components
from pipeline.errors import InfrastructureError, TaxiwayError
from pipeline.kubeflow import encoding
from pipeline.kubeflow.container.plan import TaskEnd
from pipeline.kubeflow.container.task import Task
from pipeline.metadata import executions
from pipeline.metadata import store as metadata
from pipeline.orchestration import fingerprint, recording
from pipeline.project import files
from pipeline.runs.progress import Step
from pipeline.runs.records import RunRecord
from pipeline.workspace import Workspace


def write_record(task: Task) -> None:
    """Fail the run's unfinished executions, then write its record and its report.

    KFP starts this task when every other task has ended or will never begin, so no task of the run
    is running.

    Args:
      task: task with the graph.

    Raises:
      InfrastructureError: ML Metadata cannot be reached.
    """
    plan = task.run.read_plan()
    if plan is None:
        raise InfrastructureError(
            "the run has no plan because its first task did not begin or mounts another volume.",
            "read the log of the task `start`",
        )
    settings = plan.options.apply(task.settings)
    workspace = Workspace(settings.workspace, settings.name)
    run_executions: Mapping[str, list[Any]] = {}
    outputs: dict[str, dict[str, Any]] = {}
    if plan.data is not None:
        store = metadata.open_store(settings)
        run_executions = executions.by_node(store, plan.run_id)
        for node_executions in run_executions.values():
            executions.fail_unfinished(store, workspace.artifacts, node_executions)
        outputs = executions.run_outputs(store, run_executions)
    ends = task.run.read_ends()
    graph = json.loads(encoding.decode(task.graph))[plan.options.variant]
    steps = [step for end in ends.values() for step in end.steps if step.state != "skipped"]
    # SIGKILL of the whole container leaves no file, so these nodes are known from ML Metadata only.
    lost = [node for node in run_executions if node not in ends]
    steps += [Step(node, "failed", 0.0, "its container was killed") for node in lost]
    record = recording.write(
        workspace,
        RunRecord(
            run_id=plan.run_id,
            began=plan.began,
            seconds=_seconds_since(plan.began),
            steps=tuple(steps),
            code_hash=fingerprint.training_hash(settings),
            no_baseline=plan.options.no_baseline,
            graph={node: tuple(upstream) for node, upstream in graph.items()},
            **_column_fields(task),
            **_end_fields(ends, lost),
            **recording.data_fields(plan.data),
            **recording.output_fields(outputs),
        ),
    )
    print(f"Run {record.run_id}: {record.outcome}. Record and report are in {workspace.root}.")
    if record.report is not None and task.report is not None:
        task.report.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(record.report, task.report)


def _column_fields(task: Task) -> dict[str, Any]:
    try:
        return {"columns": files.load(task.settings).columns}
    except TaxiwayError:  # the run failed because of it, and its first task has reported it
        return {}


def _end_fields(ends: Mapping[str, TaskEnd], lost: list[str]) -> dict[str, Any]:
    fields = {"outcome", "exit_code", "error", "next_step", "reasons", "findings", "quarantine"}
    for end in ends.values():
        if end.outcome is not None:
            return {name: getattr(end, name) for name in fields}
    if components.PUSHER in ends:
        return recording.end_fields(None)
    nodes = f" in {', '.join(lost)}" if lost else ""
    return recording.end_fields(
        InfrastructureError(f"the run was stopped{nodes}.", "read the tasks' logs in KFP")
    )


def _seconds_since(began: str) -> float:
    return time.time() - datetime.datetime.fromisoformat(began).timestamp()
