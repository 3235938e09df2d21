"""Render the tables of a benchmark as Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from scripts.bench import engines as beam
from scripts.bench.boosting import Month
from scripts.bench.history import History
from scripts.bench.measure import Cost, Measurement
from scripts.bench.serving import CONCURRENCY, Serving
from scripts.bench.targets import Target

Row = Sequence[str]


def median(runs: Sequence[Measurement]) -> Measurement:
    """Return the median of every figure over repeated runs; memory is the maximum.

    Args:
      runs: measurements of one contender.
    """
    return Measurement(
        _median_cost([run.total for run in runs]),
        {name: _median_cost([run.parts[name] for run in runs]) for name in runs[0].parts},
        statistics.median(run.auc for run in runs),
    )


def _median_cost(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.peak_mb for cost in costs),
    )


def table(header: Row, rows: Iterable[Row]) -> str:
    """Return a Markdown table with aligned columns, readable as plain text too.

    Args:
      header: cells of the header.
      rows: cells of every row.
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def line(cells: Row) -> str:
        first, *rest = zip(cells, widths)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
        return f"| {' | '.join(padded)} |\n"

    rule = "|" + "|".join(
        "-" * (width + 2) if index == 0 else "-" * (width + 1) + ":"
        for index, width in enumerate(widths)
    )
    return line(lines[0]) + rule + "|\n" + "".join(map(line, lines[1:]))


def totals(contenders: Mapping[str, Measurement], base: str) -> str:
    """Return the table of whole runs, with the ratio to one contender.

    Args:
      contenders: measurements by name.
      base: name of the contender that the others are compared with.
    """
    wall = contenders[base].total.wall
    return table(
        ["contender", "wall s", "CPU s", "peak MB", f"wall / {base}", "AUC"],
        [
            [
                name,
                f"{run.total.wall:.1f}",
                f"{run.total.cpu:.1f}",
                f"{run.total.peak_mb:,.0f}",
                f"{run.total.wall / wall:.1f}",
                f"{run.auc:.3f}",
            ]
            for name, run in contenders.items()
        ],
    )


def components(contender: Measurement) -> str:
    """Return the table of a contender's components.

    Args:
      contender: measurement of the contender.
    """
    return table(
        ["component", "wall s", "CPU s", "peak MB so far"],
        [
            [name, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.peak_mb:,.0f}"]
            for name, cost in contender.parts.items()
        ],
    )


def boosting(months: Sequence[Month]) -> str:
    """Return the table of AUCs compared with gradient boosting, with the mean.

    Args:
      months: AUCs of every month.
    """
    mean = Month(
        0,
        statistics.fmean(month.taxiway for month in months),
        statistics.fmean(month.boosting for month in months),
    )
    return table(
        ["month", "Taxiway", "gradient boosting", "difference"],
        [
            [
                str(month.span or "mean"),
                f"{month.taxiway:.4f}",
                f"{month.boosting:.4f}",
                f"{month.taxiway - month.boosting:+.4f}",
            ]
            for month in [*months, mean]
        ],
    )


def commands(help_seconds: float, cached_seconds: float) -> str:
    """Return the section on commands that must answer quickly.

    Args:
      help_seconds: wall seconds of `taxiway --help`.
      cached_seconds: wall seconds of a run whose nodes are all cached.
    """
    rows = [
        ["`taxiway --help`", f"{help_seconds:.2f}"],
        ["`taxiway run`, all cached", f"{cached_seconds:.1f}"],
    ]
    return "## Command times\n\n" + table(["command", "wall s"], rows)


def history(result: History) -> str:
    """Return the section on a workspace with a long history.

    Args:
      result: measurements in that workspace.
    """
    rows = [
        ["`taxiway registry list`", "", f"{result.list_seconds:.2f}"],
        ["Start of a run", *(f"{seconds:.1f}" for seconds in result.start_seconds)],
        ["`taxiway run`, all cached", *(f"{seconds:.1f}" for seconds in result.run_seconds)],
    ]
    header = ["wall s", "one run", f"{result.runs:,} runs"]
    return "## Long history\n\n" + table(header, rows)


def serving(result: Serving) -> str:
    """Return the section on the model server.

    Args:
      result: measurements of all servers.
    """
    rows = [
        [
            name,
            str(batch),
            f"{load.per_second:,.0f}",
            f"{load.per_second * batch:,.0f}",
            f"{load.p50_ms:.1f}",
            f"{load.p99_ms:.1f}",
        ]
        for (name, batch), load in sorted(result.loads.items(), key=lambda item: item[0][1])
    ]
    calls = ", ".join(f"{us:,.0f} µs with {rows}" for rows, us in result.in_process_us.items())
    header = ["server", "rows a request", "requests / s", "rows / s", "p50 ms", "p99 ms"]
    return _SERVING.format(connections=CONCURRENCY, calls=calls, table=table(header, rows))


_SERVING = """\
## Serving

There are {connections} connections; every connection sends one request at a time, from the machine
that also runs the server. FastAPI is an endpoint around Keras's `predict`, and "gRPC, eager" is a
service around a signature of `tf.saved_model.load`; both are typical handwritten servers. All serve
the same signature of the flights model. A call without a server takes {calls} rows.

{table}"""


def engines(runs: Sequence[beam.Run]) -> str:
    """Return the section on Beam's engines.

    Args:
      runs: measurements of all sizes and engines.
    """
    parts = [_ENGINES]
    for rows in sorted({run.rows for run in runs}):
        size_runs = [run for run in runs if run.rows == rows]
        lines = [
            [component, *(f"{run.seconds[component]:.1f}" for run in size_runs)]
            for component in size_runs[0].seconds
        ]
        total = ["all four", *(f"{run.total:.1f}" for run in size_runs)]
        header = [f"{rows:,} rows", *(f"{run.engine}, s" for run in size_runs)]
        parts.append(table(header, [*lines, total]))
    local, flink = (beam.cost(runs, engine) for engine in (beam.LOCAL, beam.on_flink(1)))
    break_even = " ".join(
        _break_even(slots, beam.break_even_rows(local, flink, slots)) for slots in _CLUSTER_SLOTS
    )
    parts.append(
        f"One process takes {local.fixed:.0f} s for any number of rows, and "
        f"{local.per_million:.0f} s more for every million rows. Flink with one slot takes "
        f"{flink.fixed:.0f} s and {flink.per_million:.0f} s. The next figures are estimates from "
        "these two, not measurements. They assume that every slot is on a separate machine like "
        f"this one, and that rows are shared evenly. {break_even}\n"
    )
    return "\n".join(parts)


def _break_even(slots: int, rows: float | None) -> str:
    if rows is None:
        return f"{slots} slots would never be faster than one process."
    return f"{slots} slots would be faster than one process from {rows / 1e6:,.1f} million rows on."


_CLUSTER_SLOTS = (2, 4, 8, 16)
_ENGINES = """\
## Engines

Beam's components in one process, and on a Flink cluster on the same machine. The figures show the
overhead of a cluster; they do not show the gain of more machines.
"""


def repeated(times: int) -> str:
    """Return a sentence about the number of runs.

    Args:
      times: number of runs of every contender.
    """
    if times == 1:
        return "Every figure is from one run."
    return f"Every figure is the median of {times} runs; memory is the maximum."


def verdicts(targets: Sequence[Target]) -> str:
    """Return the table of targets with their measured values.

    Args:
      targets: bounds and measured values.
    """
    return table(
        ["target", "bound", "measured", "met"],
        [
            [
                target.what,
                f"{'at least' if target.at_least else 'at most'} {target.bound:g}",
                f"{target.measured:.2f}",
                "yes" if target.met else "NO",
            ]
            for target in targets
        ],
    )


def machine() -> str:
    """Return a sentence about the machine and the versions of the packages."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("tfx", "tensorflow", "keras", "apache-beam")
    )
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; "
        f"Python {platform.python_version()}, {packages}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
