"""What one component did, as a page: for a task in somebody else's user interface."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from markupsafe import Markup

from pipeline.components.infra_check import report as infra
from pipeline.report import data, model
from pipeline.report.artifacts import attempt, read
from pipeline.report.page import templates
from pipeline.runs.progress import Step
from pipeline.runs.records import RunRecord

# Of the run's report, by the node whose artifacts they are read from.
_PARTS = {
    "StatisticsGen": ("data",),
    "DataGate": ("data",),
    "Trainer": ("model",),
    "Evaluator": ("model",),
    "InfraCheck": ("infra", "model"),
}


def render(record: RunRecord, step: Step) -> str:
    """Return a page on a component.

    Args:
      record: of the run, as far as this component knows it, with its outputs only.
      step: how it ended.
    """
    found = templates()
    gathered: dict[str, Callable[[], object]] = {
        "data": lambda: data.gather(record),
        "model": lambda: model.gather(record),
        "infra": lambda: read(record, "InfraCheck", "blessing", infra.read),
    }

    def part(name: str) -> Markup:
        content = gathered[name]()
        if content is None:
            return Markup()
        return Markup(found.get_template(f"{name}.html").render(found=content, record=record))

    return found.get_template("node.html").render(
        record=record,
        step=step,
        css=Markup(found.get_template("page.css").render()),
        parts=[
            attempt(f"its part {name}", partial(part, name)) or ""
            for name in _PARTS.get(step.name, ())
        ],
        outputs=record.outputs.get(step.name, {}),
    )
