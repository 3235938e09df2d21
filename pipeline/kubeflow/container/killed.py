"""Clean up after a task that was killed."""

from __future__ import annotations

from pipeline.beam import configured_clusters
from pipeline.errors import InfrastructureError
from pipeline.kubeflow import names
from pipeline.kubeflow.container import task
from pipeline.kubeflow.container.plan import TaskEnd
from pipeline.metadata import executions
from pipeline.metadata import store as metadata
from pipeline.orchestration import recording
from pipeline.runs.progress import Step
from pipeline.workspace import Workspace

_OUT_OF_MEMORY = "if its pod ran out of memory, request more under [kubeflow] components"


def cleanup(args: list[str], signal_name: str) -> None:
    """Mark the node's execution as failed, remove its files and record how the task ended.

    Args:
      args: command-line arguments of the task.
      signal_name: name of the signal that ended the task, such as SIGTERM.
    """
    error = InfrastructureError(f"the task was ended by {signal_name}.", _OUT_OF_MEMORY)
    try:
        ended_task = task.parse(args)
        node = ended_task.node
        error = InfrastructureError(f"{node} was ended by {signal_name}.", _OUT_OF_MEMORY)
        if node == names.RECORD:
            return
        step = Step(node, "failed", 0.0, error.what)
        end = TaskEnd(at=task.utc_now(), steps=(step,), **recording.end_fields(error))
        ended_task.run.write_end(node, end)
        plan = ended_task.run.read_plan()
        if node == names.START or plan is None:
            return
        settings = ended_task.settings
        # The cluster may answer when the database does not, so its job is cancelled first.
        configured_clusters.cancel(
            settings.beam, node, configured_clusters.job_name(settings.name, node, plan.run_id)
        )
        workspace = Workspace(settings.workspace, settings.name)
        store = metadata.open_store(settings)
        node_executions = executions.by_node(store, plan.run_id).get(node, [])
        if executions.successful(node_executions) is None:
            executions.fail_unfinished(store, workspace.artifacts, node_executions)
    except Exception as failure:  # ML Metadata's errors have no common base class
        print(f"The cleanup after {signal_name} failed: {failure}", flush=True)
    finally:
        task.print_error(error)
