"""Render the page of one component, which Kubeflow shows for its task."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from markupsafe import Markup

from pipeline.components import names
from pipeline.components.catalog import NODES
from pipeline.components.infra_check import report as infra
from pipeline.report import data, model
from pipeline.report.artifacts import attempt, read
from pipeline.report.page import templates
from pipeline.runs.progress import Step
from pipeline.runs.records import RunRecord


def render(record: RunRecord, step: Step) -> str:
    """Return the page of a component as HTML.

    Args:
      record: record of the run with the outputs of this component only.
      step: step of the component.
    """
    environment = templates()
    gather: dict[str, Callable[[], object]] = {
        "data": lambda: data.gather(record),
        "model": lambda: model.gather(record),
        "infra": lambda: read(record, names.INFRA_CHECK, "blessing", infra.read),
    }

    def render_part(name: str) -> Markup:
        part = gather[name]()
        if part is None:
            return Markup()
        return Markup(environment.get_template(f"{name}.html").render(part=part, record=record))

    # A task such as Kubeflow's first one is not a node, and has no part of its own.
    parts = [part for node in NODES if node.name == step.name for part in node.report]
    return environment.get_template("node.html").render(
        record=record,
        step=step,
        css=Markup(environment.get_template("page.css").render()),
        parts=[attempt(f"the part {part}", partial(render_part, part)) or "" for part in parts],
        outputs=record.outputs.get(step.name, {}),
    )
