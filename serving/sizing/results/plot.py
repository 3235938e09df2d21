"""Plot of throughput against latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from serving.sizing.results.result import Cell, Sizing

# Okabe and Ito's colours, which colour-blind readers can distinguish; markers differ too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_MUTED = "#5b6670"
_TITLES = {"grpc": "gRPC", "rest": "REST"}
_STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": _MUTED,
}
_PANEL = 5.4, 4.2


def draw(sizing: Sizing, file: Path) -> None:
    """Draw one panel per protocol and one line per batch size.

    Args:
      sizing: sizing with its figures.
      file: PNG file to write.

    Raises:
      OSError: the file cannot be written.
    """
    protocols = list(dict.fromkeys(cell.protocol for cell in sizing.cells))
    batches = list(dict.fromkeys(cell.batch for cell in sizing.cells))
    with rc_context(_STYLE):
        figure = Figure(figsize=(_PANEL[0] * len(protocols), _PANEL[1]), layout="constrained")
        panels = figure.subplots(1, len(protocols), sharex=True, sharey=True, squeeze=False)[0]
        for axes, protocol in zip(panels, protocols):
            cells = [cell for cell in sizing.cells if cell.protocol == protocol]
            _scales(axes, sizing)
            for number, batch in enumerate(batches):
                _line(axes, [cell for cell in cells if cell.batch == batch], number)
            _mark(axes, cells, sizing)
            axes.set_title(_TITLES[protocol], loc="left", fontweight="bold")
        panels[0].set_ylabel("p99, ms (bars: from the least to the greatest repeat)")
        figure.supxlabel(
            "rows per second; the number at a point is the number of clients", fontsize=9
        )
        # A name that several panels have appears once.
        named = {
            label: handle
            for axes in panels
            for handle, label in zip(*axes.get_legend_handles_labels())
        }
        figure.legend(
            named.values(), named.keys(), loc="outside upper center", ncols=len(named),
            frameon=False,
        )  # fmt: skip
        figure.savefig(file, dpi=160, facecolor="white", format="png")


def _scales(axes: Any, sizing: Sizing) -> None:
    rates = [cell.batch * repeat.per_second for cell in sizing.cells for repeat in cell.repeats]
    target = sizing.request.target_ms
    times = [target, *(repeat.p99_ms for cell in sizing.cells for repeat in cell.repeats)]
    axes.set(
        xscale="log", yscale="log", xlim=(min(rates) / 1.4, max(rates) * 1.6),
        ylim=(min(times) / 1.4, max(times) * 1.6),
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(True, lw=0.3, color=_MUTED, alpha=0.5)
    axes.axhline(target, color=_MUTED, lw=1, ls="--")
    axes.annotate(
        f"target {target:g} ms", (0.01, target), (0, 3), textcoords="offset points",
        xycoords=("axes fraction", "data"), color=_MUTED, fontsize=8,
    )  # fmt: skip


def _line(axes: Any, cells: Sequence[Cell], number: int) -> None:
    colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
    batch = cells[0].batch
    rates = [[batch * repeat.per_second for repeat in cell.repeats] for cell in cells]
    times = [[repeat.p99_ms for repeat in cell.repeats] for cell in cells]
    x, y = [cell.rows_per_second for cell in cells], [cell.p99_ms for cell in cells]
    axes.errorbar(
        x, y, xerr=_around(rates, x), yerr=_around(times, y), color=colour, marker=marker, ms=5,
        lw=1.4, elinewidth=0.8, capsize=2,
        label=f"{batch} rows a request" if batch > 1 else "1 row a request",
    )  # fmt: skip
    for cell, point in zip(cells, zip(x, y)):
        axes.annotate(
            str(cell.concurrency), point, (7, -10), textcoords="offset points", color=colour,
            fontsize=8,
        )  # fmt: skip


def _mark(axes: Any, cells: Sequence[Cell], sizing: Sizing) -> None:
    recommendation = sizing.recommendation
    for cell in cells:
        key = cell.protocol, cell.batch, cell.concurrency
        if recommendation is not None and key == (
            recommendation.protocol,
            recommendation.batch,
            recommendation.concurrency,
        ):
            axes.plot(
                cell.rows_per_second, cell.p99_ms, "o", ms=14, mfc="none", mec="black", mew=1.2,
                label="recommended", ls="none",
            )  # fmt: skip


def _around(values: Sequence[Sequence[float]], middles: Sequence[float]) -> list[list[float]]:
    return [
        [middle - min(repeats) for repeats, middle in zip(values, middles)],
        [max(repeats) - middle for repeats, middle in zip(values, middles)],
    ]
