"""Set right what a killed task has left."""

from __future__ import annotations

from pipeline.beam import clusters
from pipeline.errors import InfrastructureError
from pipeline.kubeflow import names
from pipeline.kubeflow.container import task
from pipeline.kubeflow.container.plan import Ended
from pipeline.metadata import executions
from pipeline.metadata import store as metadata
from pipeline.orchestration import recording
from pipeline.runs.progress import Step
from pipeline.settings.engines import job_name
from pipeline.workspace import Workspace

_OUT_OF_MEMORY = "give it more under [kubeflow] components, if its pod was out of memory"


def clear_up(words: list[str], signal_name: str) -> None:
    """Mark the node's execution as failed, remove what it wrote, and write down how it ended.

    Args:
      words: arguments of the task.
      signal_name: what ended it.
    """
    error = InfrastructureError(f"the task was ended by {signal_name}.", _OUT_OF_MEMORY)
    try:
        found = task.parse(words)
        error = InfrastructureError(f"{found.node} was ended by {signal_name}.", _OUT_OF_MEMORY)
        if found.node == names.RECORD:
            return
        step = Step(found.node, "failed", 0.0, error.what)
        ended = Ended(at=task.now(), steps=(step,), **recording.of_end(error))
        found.run.write_ended(found.node, ended)
        plan = found.run.known()
        if found.node == names.START or plan is None:
            return
        # First, because the cluster may answer where the database does not.
        job = job_name(found.settings.name, found.node, plan.run_id)
        clusters.cancel(found.settings.beam, found.node, job)
        workspace = Workspace(found.settings.workspace, found.settings.name)
        store = metadata.open_store(found.settings)
        of_node = executions.of_run(store, plan.run_id).get(found.node, [])
        if executions.done(of_node) is None:
            executions.fail_unfinished(store, workspace.artifacts, of_node)
    except Exception as other:  # ML Metadata's errors have no class in common
        print(f"What {signal_name} has left could not be set right: {other}", flush=True)
    finally:
        task.tell(error)
