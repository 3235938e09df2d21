"""Render a run's report from its record and artifacts."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.components import names
from pipeline.components.infra_check import report as infra
from pipeline.report import data, graph, lineage, model
from pipeline.report.artifacts import attempt, read
from pipeline.runs.records import RunRecord
from pipeline.workspace import Workspace

_METRICS = {"auc": "AUC", "example_count": "rows"}


def render(workspace: Workspace, record: RunRecord) -> str:
    """Return the report of a run as HTML, without parts that are missing or damaged.

    Args:
      workspace: workspace of the run.
      record: record of the run.
    """
    environment = templates()
    checked = read(record, names.INFRA_CHECK, "blessing", infra.read)
    gather: dict[str, Callable[[], object]] = {
        "run": lambda: graph.lay_out(record.steps, record.graph) if record.steps else None,
        "data": lambda: data.gather(record),
        "model": lambda: model.gather(record),
        "infra": lambda: checked,
        "lineage": lambda: lineage.gather(workspace, record),
    }

    def render_part(name: str) -> Markup:
        part = gather[name]()
        if part is None:
            return Markup()
        return Markup(environment.get_template(f"{name}.html").render(part=part, record=record))

    return environment.get_template("page.html").render(
        record=record,
        verdict=_verdict(record, checked),
        began=record.began[:16].replace("T", " "),
        css=Markup(environment.get_template("page.css").render()),
        name=workspace.name,
        parts=[attempt(f"the part {name}", partial(render_part, name)) or "" for name in gather],
        links=lineage.links(workspace, record),
    )


def templates() -> Environment:
    """Return the environment of the report's templates."""
    environment = Environment(
        loader=PackageLoader("pipeline", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=lambda value: f"{value:,.0f}",
        share=lambda value: f"{value:.1%}",
        number=_number,
        metric=lambda name: _METRICS.get(name, name.replace("_", " ")),
        sentence=lambda text: text[:1].upper() + text[1:],
    )
    return environment


def _verdict(record: RunRecord, checked: infra.Report | None) -> str:
    if record.outcome == "published":
        return f"Published as version {record.version}"
    if record.outcome == "data refused":
        return "Not published: the data was refused"
    if record.outcome == "not blessed":
        if checked and record.reasons and set(record.reasons) <= set(checked.problems):
            return "Not published: the model cannot be served"
        if not record.reasons:
            return "Not published: the model is damaged"
        return "Not published: the model is not good enough"
    stopped = [step.name for step in record.steps if step.state in ("failed", "interrupted")]
    where = f" in {stopped[-1]}" if stopped else ""
    return f"{record.outcome.capitalize()}{where}: nothing was published"


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.4f}"
