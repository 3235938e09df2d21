"""Run the task of one TFX node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.components import names
from pipeline.errors import DataRefused, point_to_schema
from pipeline.kubeflow import encoding
from pipeline.kubeflow.container.plan import Plan
from pipeline.kubeflow.container.task import Task
from pipeline.orchestration import launch as launching
from pipeline.orchestration.options import RunOptions
from pipeline.orchestration.steps import conclude_node
from pipeline.runs.records import Output
from pipeline.settings.sections import Settings
from pipeline.sources.layout import Layout
from pipeline.workspace import Workspace


def launch(task: Task) -> None:
    """Run a node with TFX's launcher and enforce the same outcomes as `taxiway run`.

    A node that has succeeded already is checked again but not run again. Unfinished work of an
    earlier attempt is removed first.

    Args:
      task: task with the specs of the node.

    Raises:
      DataRefused: the data did not pass the gate.
      NotBlessed: the run published no model.
      InfrastructureError: the node failed.
    """
    plan = task.run.require_plan()
    specs = [
        text
        for variants, text in task.node_specs.items()
        if plan.options.variant in variants.split(",")
    ]
    with task.step(task.node) as step:
        if specs:
            _run(task, plan, specs[0], step)
        else:
            step("not requested", "skipped")
    if task.node == names.PUSHER:
        _enforce_pushed(task, plan)


def _run(task: Task, plan: Plan, text: str, step: Callable[..., None]) -> None:
    from pipeline.beam import patches, work
    from pipeline.metadata import executions
    from pipeline.metadata import store as metadata
    from pipeline.orchestration import baseline, input_queries, outcomes, recovery

    patches.apply()
    input_queries.apply()
    data = plan.data
    assert data is not None, "require_plan guarantees it"
    settings = plan.options.apply(task.settings)
    store = metadata.open_store(settings)
    ir = _bound_spec(settings, data, plan, text)
    earlier = executions.by_node(store, plan.run_id).get(task.node, [])
    execution_id = executions.successful(earlier)
    if execution_id is None:
        artifacts = Workspace(settings.workspace, settings.name).artifacts
        recovery.cancel_jobs(store, earlier, settings.beam)
        executions.fail_unfinished(store, artifacts, earlier)
        node = ir.nodes[0].pipeline_node
        with work.open_executor(settings.beam) as beam:
            execution_id = launching.launch(ir, node, store, metadata.connection(settings), beam)
    outputs, _ = conclude_node(task.node, store, execution_id, step)
    task.outputs = {
        name: Output(uri=artifact.uri, id=artifact.id) for name, artifact in outputs.items()
    }
    if not plan.options.no_baseline:
        baseline.enforce(task.node, outputs, store, settings)
    try:
        outcomes.enforce(task.node, outputs, settings)
    except DataRefused as error:
        options = RunOptions(span=data.span, window=plan.options.window)
        point_to_schema(error, options.schema_diff)
        raise


def _enforce_pushed(task: Task, plan: Plan) -> None:
    from pipeline.metadata import executions
    from pipeline.metadata import store as metadata
    from pipeline.orchestration import outcomes

    store = metadata.open_store(task.settings)
    outputs = executions.run_outputs(store, executions.by_node(store, plan.run_id))
    outcomes.enforce_pushed(outputs)


def _bound_spec(settings: Settings, data: Layout, plan: Plan, text: str) -> Any:
    """Return the spec with the data, the code and the id of this run."""
    from tfx.proto.orchestration import pipeline_pb2

    from pipeline.kubeflow.placing import apply_layout
    from pipeline.orchestration import fingerprint

    ir = pipeline_pb2.Pipeline.FromString(encoding.decode(text))
    # This container runs its own code, so the hash is computed here and not when compiling.
    code_hash = fingerprint.training_hash(settings)
    apply_layout(ir, settings, data, code_hash, compare=not plan.options.no_baseline)
    fingerprint.stamp(ir, settings)
    launching.substitute(ir, plan.run_id)
    return ir
