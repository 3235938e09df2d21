"""The model of a run: how it learned, how good it is, and on what."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.components.infra_check import report as infra
from pipeline.report import plots
from pipeline.report.artifacts import read
from pipeline.runs.records import RunRecord

# In a plot; the table has all.
_DRAWN_SLICES = 30


@dataclass(frozen=True)
class Figure:
    """A plot, and what it shows in words."""

    title: str
    words: str
    svg: Markup


@dataclass(frozen=True)
class Slice:
    """The metrics on a slice.

    Args:
      where: `overall`, or such as `carrier UA`.
      metrics: by name.
      bounds: the ends of the 95 % interval of the AUC.
      before: the AUC of the latest blessed model.
    """

    where: str
    metrics: Mapping[str, float]
    bounds: tuple[float, float]
    before: float | None


@dataclass(frozen=True)
class Model:
    """What the report says of the model."""

    figures: Sequence[Figure]
    slices: Sequence[Slice]
    of_slices: Figure | None


def gather(record: RunRecord) -> Model | None:
    """Return what is known of the model; None when there is none."""
    figures = [
        *(read(record, "Trainer", "model_run", _learning) or []),
        *(read(record, "InfraCheck", "blessing", _curves) or []),
    ]
    slices = read(record, "Evaluator", "evaluation", _slices) or []
    if not figures and not slices and not record.hyperparameters:
        return None
    return Model(figures, slices, _of_slices(slices) if slices else None)


def _learning(run: Path) -> list[Figure]:
    file = run / "learning_curves.csv"
    if not file.exists():  # a run_fn of the user's own
        return []
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    curves = {name: [float(row[name]) for row in rows] for name in ("loss", "val_loss")}
    if not rows:
        return []
    best = min(curves["val_loss"])
    words = f"{len(rows)} epochs; least loss on rows held back {best:.4f}"
    return [Figure("Learning", words, plots.learning_curves(f"Learning: {words}", curves))]


def _curves(blessing: Path) -> list[Figure]:
    file = blessing / infra.CURVES_FILE
    if not file.exists():  # the model could not be asked
        return []
    curves: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    found = []
    if curves["roc"]:
        words = "The dashes are chance"
        found.append(Figure("ROC", words, plots.roc(f"ROC curve: {words}", curves["roc"])))
    if curves["calibration"]:
        words = "On the dashes a score is the share of positives"
        svg = plots.calibration(f"Calibration: {words}", curves["calibration"])
        found.append(Figure("Calibration", words, svg))
    return found


def _slices(folder: Path) -> list[Slice]:
    from pipeline.components.evaluator import (
        results,  # TFMA takes seconds, and a run has it already
    )

    measured = results.load(str(folder))
    return [
        Slice(
            where,
            measured.candidate[where],
            measured.bounds(where),
            measured.baseline.get(where, {}).get("auc"),
        )
        for where in sorted(measured.candidate, key=lambda name: (name != results.OVERALL, name))
        if not math.isnan(measured.candidate[where].get("auc", math.nan))
    ]


def _of_slices(slices: Sequence[Slice]) -> Figure:
    by_rows = sorted(slices, key=lambda each: -each.metrics.get("example_count", 0))
    largest = {each.where for each in by_rows[:_DRAWN_SLICES]}
    drawn = [
        (each.where, each.metrics["auc"], *each.bounds, each.before)
        for each in slices
        if each.where in largest
    ]
    words = "" if len(drawn) == len(slices) else f"the {len(drawn)} with most rows"
    return Figure("AUC by slice", words, plots.slices("AUC of each slice", drawn))
