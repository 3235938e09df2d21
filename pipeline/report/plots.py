"""Draw the report's plots as SVG in the colours of the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Placeholders for the page's colour variables, so that a plot follows the light or dark scheme.
_INK, _MUTED, _ONE, _OTHER = "#010203", "#040506", "#070809", "#0a0b0c"
_COLOURS = {_INK: "--ink", _MUTED: "--muted", _ONE: "--one", _OTHER: "--other"}

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "taxiway",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8,
}
_WIDTH, _HEIGHT = 4.4, 2.6
_LONGEST = 22


def learning_curves(title: str, curves: Mapping[str, Sequence[float]]) -> Markup:
    """Draw the training and validation loss by epoch.

    Args:
      title: text alternative of the plot.
      curves: `loss` and `val_loss` of the Trainer's `learning_curves.csv`.
    """
    with _styled():
        figure, axes = _figure()
        epochs = range(1, len(curves["loss"]) + 1)
        axes.plot(epochs, curves["loss"], color=_OTHER, marker="s", ms=3, label="training")
        axes.plot(epochs, curves["val_loss"], color=_ONE, marker="o", ms=3, label="validation")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
        return _svg(figure, "curves", title)


def roc(title: str, points: Sequence[Sequence[float]]) -> Markup:
    """Draw the ROC curve.

    Args:
      title: text alternative of the plot.
      points: false and true positive rates, from (0, 0) to (1, 1).
    """
    with _styled():
        figure, axes = _figure()
        axes.plot([0, 1], [0, 1], color=_MUTED, lw=0.6, ls="--")
        axes.plot(*zip(*points), color=_ONE, lw=1.6)
        axes.set_xlabel("false positive rate")
        axes.set_ylabel("true positive rate")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        return _svg(figure, "roc", title)


def calibration(title: str, bins: Sequence[Sequence[float]]) -> Markup:
    """Draw the share of positives by score.

    Args:
      title: text alternative of the plot.
      bins: mean score, share of positives, and number of rows of every bin.
    """
    with _styled():
        figure, axes = _figure()
        scores, shares, rows = zip(*bins)
        top = max(*scores, *shares) * 1.05 or 1.0
        axes.plot([0, top], [0, top], color=_MUTED, lw=0.6, ls="--")
        widest = max(rows)
        sizes = [12 + 60 * count / widest for count in rows]
        axes.plot(scores, shares, color=_ONE, lw=1)
        axes.scatter(scores, shares, s=sizes, color=_ONE, alpha=0.6, linewidths=0)
        axes.set_xlabel("score (dot size: number of rows)")
        axes.set_ylabel("share of positives")
        return _svg(figure, "calibration", title)


def slices(title: str, rows: Sequence[tuple[str, float, float, float, float | None]]) -> Markup:
    """Draw the AUC by slice with its interval, and the baseline's AUC.

    Args:
      title: text alternative of the plot.
      rows: for every slice its name, the AUC, the ends of the 95 % interval, and the baseline's
        AUC.
    """
    with _styled():
        figure, axes = _figure(height=0.9 + 0.2 * len(rows))
        positions = range(len(rows))
        names, values, lows, highs, baselines = zip(*rows)
        axes.hlines(positions, lows, highs, color=_ONE, lw=1.4)
        axes.plot(values, positions, "o", color=_ONE, ms=4, label="candidate")
        compared = [(value, y) for y, value in zip(positions, baselines) if value is not None]
        if compared:
            axes.plot(*zip(*compared), "D", color=_OTHER, ms=3.5, label="latest blessed model")
        axes.set_yticks(list(positions), [_short(name) for name in names])
        axes.invert_yaxis()
        axes.set_xlabel("AUC with 95 % CI")
        figure.legend(loc="outside upper center", ncols=2)
        return _svg(figure, "slices", title)


def numbers(
    ident: str, title: str, edges: Sequence[float], train: Sequence[float], eval_: Sequence[float]
) -> Markup:
    """Draw the distribution of a column of numbers in both splits.

    Args:
      ident: id of the plot, unique on the page.
      title: text alternative of the plot.
      edges: edges of the bins.
      train: share of the train split's rows by bin.
      eval_: share of the eval split's rows by bin.
    """
    with _styled():
        figure, axes = _figure(height=1.9)
        axes.stairs(train, edges, color=_OTHER, fill=True, alpha=0.35)
        axes.stairs(eval_, edges, color=_ONE, lw=1.4)
        axes.set_yticks([])
        return _svg(figure, ident, title)


def categories(
    ident: str, title: str, values: Sequence[str], train: Sequence[float], eval_: Sequence[float]
) -> Markup:
    """Draw the frequencies of a column's values in both splits.

    Args:
      ident: id of the plot, unique on the page.
      title: text alternative of the plot.
      values: the most frequent values.
      train: share of the train split's rows by value.
      eval_: share of the eval split's rows by value.
    """
    with _styled():
        figure, axes = _figure(height=1.9)
        positions = range(len(values))
        axes.barh([y - 0.2 for y in positions], train, 0.4, color=_OTHER, alpha=0.35, linewidth=0)
        axes.barh([y + 0.2 for y in positions], eval_, 0.4, color=_ONE)
        axes.set_yticks(list(positions), [_short(value) for value in values])
        axes.invert_yaxis()
        axes.set_xticks([])
        return _svg(figure, ident, title)


@contextmanager
def _styled() -> Iterator[None]:
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # The browser draws the text in its own font, so glyphs may be missing in Matplotlib's.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        yield


def _figure(width: float = _WIDTH, height: float = _HEIGHT) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _short(text: str) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    # Matplotlib reads a dollar sign as the start of a formula.
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return cut.replace("$", r"\$")


def _svg(figure: Figure, ident: str, title: str) -> Markup:
    out = io.StringIO()
    figure.savefig(
        out, format="svg", transparent=True,
        metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
    )  # fmt: skip
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for placeholder, variable in _COLOURS.items():
        text = text.replace(placeholder, f"var({variable})")
    # A page contains several plots, and ids must be unique in it.
    text = re.sub(r'\bid="', f'id="{ident}-', text)
    text = re.sub(r"url\(#", f"url(#{ident}-", text)
    text = re.sub(r'xlink:href="#', f'xlink:href="#{ident}-', text)
    [view] = re.findall(r'<svg [^>]*viewBox="([\d. ]+)"', text)
    named = f'<svg viewBox="{view}" role="img" aria-label="{escape(title)}">'
    return Markup(named + text[text.index(">") + 1 :])
