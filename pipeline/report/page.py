"""What stands in a report, gathered from a run's record and its artifacts."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from models.features import Features
from models.warm_start import FEATURES_FILE
from pipeline.infra import report as infra
from pipeline.records import RunRecord
from pipeline.report import columns, graph, plots
from pipeline.workspace import Workspace
from serving import manifest
from serving.errors import StoreError

_SHOWN_COLUMNS = 6

T = TypeVar("T")

_VERDICTS = {
    "published": "Published as version {version}",
    "not blessed": "Not published: the model is not good enough",
    "data refused": "Not published: the data was refused",
    "failed": "Failed",
    "interrupted": "Interrupted",
}


@dataclass(frozen=True)
class Figure:
    """A plot with what it shows in words."""

    title: str
    words: str
    svg: Markup


def render(workspace: Workspace, record: RunRecord) -> str:
    """Return the report of a run as HTML.

    Args:
      workspace: of the run.
      record: what the run did; what it did not come to is left out.
    """
    environment = Environment(
        loader=PackageLoader("pipeline", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, share=lambda value: f"{value:.1%}")
    gate = _read(record, "DataGate", "decision", lambda uri: _json(uri / "findings.json"))
    return environment.get_template("page.html").render(
        record=record,
        verdict=_VERDICTS[record.outcome].format(version=record.version),
        began=record.began[:16].replace("T", " "),
        css=Markup(environment.get_template("page.css").render()),
        name=workspace.name,
        graph=graph.lay_out(record.steps, record.graph),
        gate=gate,
        columns=_read(record, "StatisticsGen", "statistics", partial(_columns, _learned(record)))
        or [],
        code_hash=_code_hash(record),
        figures=_model_figures(record),
        slices=_slices(record),
        infra=_read(record, "InfraCheck", "blessing", infra.read),
        links=_links(workspace, record),
    )


def _read(record: RunRecord, node: str, output: str, how: Callable[[Path], T]) -> T | None:
    """Read an artifact; None when the run did not come to it, or its files are gone."""
    found = record.outputs.get(node, {}).get(output)
    if found is None:
        return None
    try:
        return how(Path(found.uri))
    except (OSError, ValueError, KeyError):
        return None


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _learned(record: RunRecord) -> frozenset[str]:
    """Return the columns that the model learned from, and the label; none when it says nothing."""
    text = _read(record, "Trainer", "model_run", lambda uri: _json(uri / FEATURES_FILE))
    if text is None:
        return frozenset()
    features = Features.model_validate(text)
    return frozenset({features.label, *features.inputs})


def _code_hash(record: RunRecord) -> str:
    try:
        return "" if record.model_dir is None else manifest.read(record.model_dir).code_hash
    except StoreError:
        return ""


def _columns(learned: frozenset[str], statistics: Path) -> list[tuple[columns.Column, Markup]]:
    drawn = []
    moved = columns.moved(statistics)
    # A time moves from span to span, and nobody learns from it.
    chosen = [column for column in moved if column.name in learned] or moved
    for column in chosen[:_SHOWN_COLUMNS]:
        if column.values:
            svg = plots.categories(column.name, column.values, column.train, column.eval)
        else:
            svg = plots.numbers(column.name, column.edges, column.train, column.eval)
        drawn.append((column, Markup(svg)))
    return drawn


def _model_figures(record: RunRecord) -> list[Figure]:
    found = []
    curves = _read(record, "Trainer", "model_run", _learning_curves)
    if curves:
        best = min(curves["val_loss"])
        words = f"{len(curves['loss'])} epochs, the best with loss {best:.4f} on rows held back"
        found.append(Figure("Learning", words, Markup(plots.learning_curves(curves))))
    drawn = _read(record, "InfraCheck", "blessing", lambda uri: _json(uri / infra.CURVES_FILE))
    if drawn and drawn["roc"]:
        auc = record.metrics.get("auc")
        words = "The line is the model; the dashes are chance"
        title = "ROC" if auc is None else f"ROC, AUC {auc:.3f}"
        found.append(Figure(title, words, Markup(plots.roc(drawn["roc"]))))
    if drawn and drawn["calibration"]:
        words = "On the dashes a score is the share of positives"
        found.append(Figure("Calibration", words, Markup(plots.calibration(drawn["calibration"]))))
    return found


def _learning_curves(run: Path) -> dict[str, list[float]]:
    with (run / "learning_curves.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    curves = {name: [float(row[name]) for row in rows] for name in rows[0]}
    return curves if {"loss", "val_loss"} <= curves.keys() else {}


@dataclass(frozen=True)
class Slices:
    """The metrics on each slice, the whole first, and a plot of the AUC."""

    rows: Sequence[tuple[str, Mapping[str, float], tuple[float, float], float | None]]
    svg: Markup


def _slices(record: RunRecord) -> Slices | None:
    found = record.outputs.get("Evaluator", {}).get("evaluation")
    if found is None or not Path(found.uri).exists():
        return None
    from pipeline import evaluation  # TFMA takes seconds, and a run has it already

    measured = evaluation.load(found.uri)
    rows = []
    for where in sorted(measured.candidate, key=lambda name: (name != evaluation.OVERALL, name)):
        metrics = measured.candidate[where]
        if math.isnan(metrics.get("auc", math.nan)):
            continue
        before = measured.baseline.get(where, {}).get("auc")
        rows.append((where, metrics, measured.bounds(where), before))
    if not rows:
        return None
    drawn = [(where, metrics["auc"], *ends, before) for where, metrics, ends, before in rows]
    return Slices(rows, Markup(plots.slices(drawn)))


def _links(workspace: Workspace, record: RunRecord) -> dict[str, str]:
    places = {
        "published model": record.model_dir,
        "log": record.log_file,
        "refused rows": record.quarantine,
        "record of the run": workspace.runs / f"{record.run_id}.json",
    }
    return {
        name: os.path.relpath(place, workspace.reports)
        for name, place in places.items()
        if place is not None
    }


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.0f}" if value > 1 and float(value).is_integer() else f"{value:.4f}"
