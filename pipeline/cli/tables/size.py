"""The figures and the recommendation of `taxiway size` as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.markup import escape
from rich.table import Column, Table

from pipeline.cli.console import open_console
from serving.sizing.results import analysis
from serving.sizing.results.result import Cell, Recommendation, Sizing


def show(sizing: Sizing, files: Sequence[Path], stream: TextIO) -> None:
    """Print the table of all cells, the recommendation, its caveats and the written files.

    Args:
      sizing: figures and recommendation.
      files: paths of the written files.
      stream: the terminal or pipe to print on.
    """
    console = open_console(stream)
    console.print(_table(sizing))
    for line in _conclusions(sizing):
        console.print(escape(line), soft_wrap=True)
    for caveat in sizing.caveats:
        console.print(f"Note     {escape(caveat)}", soft_wrap=True)
    for file in files:
        console.print(f"File     {escape(str(file))}", soft_wrap=True)


def _table(sizing: Sizing) -> Table:
    table = Table(
        "", "protocol", *(_numeric(name) for name in (
            "batch", "clients", "rows/s", "spread", "p50 ms", "p95 ms", "p99 ms", "worst p99",
            "errors", "CPU ms/request", "CPUs", "MB",
        )),
    )  # fmt: skip
    for cell in sizing.cells:
        best = _is_recommended(cell, sizing.recommendation)
        table.add_row(
            "→" if best else "✓" if cell.worst_p99_ms <= sizing.request.target_ms else "",
            cell.protocol, str(cell.batch), str(cell.concurrency), f"{cell.rows_per_second:,.0f}",
            f"{cell.spread:.0%}", f"{cell.p50_ms:.1f}", f"{cell.p95_ms:.1f}", f"{cell.p99_ms:.1f}",
            f"{cell.worst_p99_ms:.1f}", f"{cell.errors:,}", _number(cell.cpu_ms),
            _number(cell.cpus), _megabytes(cell.memory_bytes),
            style="bold" if best else "",
        )  # fmt: skip
    return table


def _is_recommended(cell: Cell, recommendation: Recommendation | None) -> bool:
    return recommendation is not None and (cell.protocol, cell.batch, cell.concurrency) == (
        recommendation.protocol, recommendation.batch, recommendation.concurrency,
    )  # fmt: skip


def _conclusions(sizing: Sizing) -> list[str]:
    best, memory, request = sizing.recommendation, sizing.memory, sizing.request
    if best is None or sizing.refused:
        return []
    lines = [
        f"Best     {best.protocol}, {best.batch} rows per request: {best.capacity:,.0f} rows/s "
        f"with p99 of at most {request.target_ms:g} ms",
        f"Replica  {best.rate:,.0f} rows/s, which leaves {request.headroom:.0%} free",
    ]
    if best.replicas is not None:
        least, most = analysis.scale(best.replicas)
        lines.append(
            f"Replicas {best.replicas} for {request.rate:,.0f} rows/s; "
            f"autoscaling from {least} to {most}"
        )
    if best.cpus is not None:
        lines.append(f"CPU      {analysis.cpu_request(best.cpus)}m")
    if memory is not None:
        lines.append(
            f"Memory   {analysis.memory_limit(memory)} Mi: {memory.loaded / 2**20:,.0f} with one "
            f"version, {memory.driven / 2**20:,.0f} at most under load, "
            f"{memory.swap / 2**20:,.0f} while a second is loaded"
        )
    lines.append(
        f"Verified {best.full.ratio:.2f} of the capacity in a later test at full rate, "
        f"{best.steady.ratio:.2f} of the replica's rate, p99 {best.steady.measured.p99_ms:.1f} ms"
    )
    return lines


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _megabytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:,.0f}"


def _numeric(header: str) -> Column:
    return Column(header, justify="right")
