"""Collect the report's part on the model: training, metrics, and slices."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.components import names
from pipeline.components.infra_check import report as infra
from pipeline.report import plots
from pipeline.report.artifacts import read
from pipeline.runs.records import RunRecord

# More slices make a plot unreadable; the table lists all.
_DRAWN_SLICES = 30


@dataclass(frozen=True)
class Figure:
    """A plot with its caption.

    Args:
      title: title of the plot.
      caption: sentence about the plot; "" for none.
      svg: the plot.
    """

    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Slice:
    """The metrics on a slice.

    Args:
      name: `overall` or, for example, `carrier UA`.
      metrics: metrics by name.
      confidence_interval: ends of the 95 % interval of the AUC.
      baseline: AUC of the latest blessed model; None if there is none.
    """

    name: str
    metrics: Mapping[str, float]
    confidence_interval: tuple[float, float]
    baseline: float | None


@dataclass(frozen=True)
class Model:
    """The report's part on the model.

    Args:
      figures: plots of the training and of the served scores.
      slices: metrics by slice.
      slice_figure: plot of the slices; None if there are no slices.
      notes: sentences about what the metrics cannot show.
    """

    figures: Sequence[Figure]
    slices: Sequence[Slice]
    slice_figure: Figure | None
    notes: Sequence[str]


def gather(record: RunRecord) -> Model | None:
    """Return the report's part on the model; None if the run trained none.

    Args:
      record: record of the run.
    """
    figures = [
        *(read(record, names.TRAINER, "model_run", _training) or []),
        *(read(record, names.INFRA_CHECK, "blessing", _curves) or []),
    ]
    slices, notes = read(record, names.EVALUATOR, "evaluation", _slices) or ([], [])
    if not figures and not slices and not record.hyperparameters:
        return None
    return Model(figures, slices, _slice_figure(slices) if slices else None, notes)


def _training(run: Path) -> list[Figure]:
    file = run / "learning_curves.csv"
    if not file.exists():  # a user's run_fn need not write it
        return []
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    curves = {name: [float(row[name]) for row in rows] for name in ("loss", "val_loss")}
    if not rows:
        return []
    best = min(curves["val_loss"])
    caption = f"{len(rows)} epochs; the lowest validation loss is {best:.4f}"
    svg = plots.learning_curves(f"Learning curves: {caption}", curves)
    return [Figure("Learning curves", caption, svg)]


def _curves(blessing: Path) -> list[Figure]:
    file = blessing / infra.CURVES_FILE
    if not file.exists():  # the model could not be called
        return []
    curves: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    figures = []
    if curves["roc"]:
        caption = "Dashed line: a random guess"
        figures.append(Figure("ROC", caption, plots.roc(f"ROC curve: {caption}", curves["roc"])))
    if curves["calibration"]:
        caption = "Dashed line: the score equals the share of positives"
        svg = plots.calibration(f"Calibration: {caption}", curves["calibration"])
        figures.append(Figure("Calibration", caption, svg))
    return figures


def _slices(folder: Path) -> tuple[list[Slice], list[str]]:
    # TFMA takes seconds to import, so only runs with an evaluation import it.
    from pipeline.components.evaluator import results

    evaluation = results.load(str(folder))
    notes = [note for note in (evaluation.hint(), evaluation.unbounded_note()) if note]
    slices = [
        Slice(
            name,
            evaluation.candidate[name],
            evaluation.confidence_interval(name),
            evaluation.baseline.get(name, {}).get("auc"),
        )
        for name in sorted(evaluation.candidate, key=lambda name: (name != results.OVERALL, name))
        if not math.isnan(evaluation.candidate[name].get("auc", math.nan))
    ]
    return slices, notes


def _slice_figure(slices: Sequence[Slice]) -> Figure:
    by_rows = sorted(slices, key=lambda slice_: -slice_.metrics.get("example_count", 0))
    largest = {slice_.name for slice_ in by_rows[:_DRAWN_SLICES]}
    drawn = [
        (slice_.name, slice_.metrics["auc"], *slice_.confidence_interval, slice_.baseline)
        for slice_ in slices
        if slice_.name in largest
    ]
    caption = "" if len(drawn) == len(slices) else f"the {len(drawn)} slices with the most rows"
    return Figure("AUC by slice", caption, plots.slices("AUC by slice", drawn))
