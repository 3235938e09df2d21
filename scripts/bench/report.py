"""The tables of a benchmark, as Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from scripts.bench import engines as beam
from scripts.bench.boosting import Month
from scripts.bench.measure import Cost, Measurement
from scripts.bench.serving import CONCURRENCY, Serving
from scripts.bench.targets import Target

Row = Sequence[str]


def median(runs: Sequence[Measurement]) -> Measurement:
    """Return what is usual: the median of each figure over repeated runs."""
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
    """Return a Markdown table whose columns are aligned to be read as plain text too."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def line(cells: Row) -> str:
        first, *rest = zip(cells, widths)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
        return f"| {' | '.join(padded)} |\n"

    rule = "|" + "|".join(
        "-" * (width + 2) if at == 0 else "-" * (width + 1) + ":" for at, width in enumerate(widths)
    )
    return line(lines[0]) + rule + "|\n" + "".join(map(line, lines[1:]))


def totals(contenders: Mapping[str, Measurement], base: str) -> str:
    """Return the table of whole runs, each with its ratio to one of them."""
    wall = contenders[base].total.wall
    return table(
        ["contender", "wall s", "CPU s", "peak MB", f"wall / {base}", "AUC"],
        [
            [
                name,
                f"{each.total.wall:.1f}",
                f"{each.total.cpu:.1f}",
                f"{each.total.peak_mb:,.0f}",
                f"{each.total.wall / wall:.1f}",
                f"{each.auc:.3f}",
            ]
            for name, each in contenders.items()
        ],
    )


def components(contender: Measurement) -> str:
    """Return the table of a contender's components."""
    return table(
        ["component", "wall s", "CPU s", "peak MB so far"],
        [
            [name, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.peak_mb:,.0f}"]
            for name, cost in contender.parts.items()
        ],
    )


def boosting(months: Sequence[Month]) -> str:
    """Return the table of AUCs beside gradient boosting, with the mean."""
    mean = Month(
        0,
        statistics.fmean(month.taxiway for month in months),
        statistics.fmean(month.boosting for month in months),
    )
    return table(
        ["month", "Taxiway", "gradient boosting", "difference"],
        [
            [
                str(each.span or "mean"),
                f"{each.taxiway:.4f}",
                f"{each.boosting:.4f}",
                f"{each.taxiway - each.boosting:+.4f}",
            ]
            for each in [*months, mean]
        ],
    )


def commands(help_seconds: float, cached_seconds: float) -> str:
    """Return the section on commands that should not keep anyone waiting."""
    rows = [
        ["`taxiway --help`", f"{help_seconds:.2f}"],
        ["`taxiway run`, all cached", f"{cached_seconds:.1f}"],
    ]
    return "## Command times\n\n" + table(["command", "wall s"], rows)


def serving(found: Serving) -> str:
    """Return the section on the model server."""
    rows = [
        [
            name,
            str(batch),
            f"{each.per_second:,.0f}",
            f"{each.per_second * batch:,.0f}",
            f"{each.p50_ms:.1f}",
            f"{each.p99_ms:.1f}",
        ]
        for (name, batch), each in sorted(found.loads.items(), key=lambda one: one[0][1])
    ]
    calls = ", ".join(f"{us:,.0f} µs with {rows}" for rows, us in found.in_process_us.items())
    header = ["server", "rows a request", "requests / s", "rows / s", "p50 ms", "p99 ms"]
    return _SERVING.format(connections=CONCURRENCY, calls=calls, table=table(header, rows))


_SERVING = """\
## Serving

{connections} connections, each with one request at a time, on the machine that also makes the load.
FastAPI is an endpoint around Keras's `predict`, and "gRPC, eager" a service around a signature of
`tf.saved_model.load`, both as people write them by hand; all serve the same signature of the
flights model. A call without a server takes {calls} rows.

{table}"""


def engines(runs: Sequence[beam.Run]) -> str:
    """Return the section on where Beam's work is done."""
    parts = [_ENGINES]
    for rows in sorted({run.rows for run in runs}):
        of_size = [run for run in runs if run.rows == rows]
        lines = [
            [component, *(f"{run.seconds[component]:.1f}" for run in of_size)]
            for component in of_size[0].seconds
        ]
        total = ["all four", *(f"{run.total:.1f}" for run in of_size)]
        header = [f"{rows:,} rows", *(f"{run.engine}, s" for run in of_size)]
        parts.append(table(header, [*lines, total]))
    here, there = (beam.cost(runs, engine) for engine in (beam.HERE, beam.on_flink(1)))
    pays = "; ".join(_pays(slots, beam.pays_from(here, there, slots)) for slots in _SHARED_OUT)
    parts.append(
        f"So this process takes {here.fixed:.0f} s however few the rows, and "
        f"{here.per_million:.0f} s more for each million; Flink with one slot {there.fixed:.0f} s "
        f"and {there.per_million:.0f} s. Reckoned from that, and not measured: with each slot on a "
        f"machine of its own like this one, and rows shared evenly, {pays}.\n"
    )
    return "\n".join(parts)


def _pays(slots: int, rows: float | None) -> str:
    if rows is None:
        return f"{slots} slots would never overtake this process"
    return f"{slots} slots would overtake this process at {rows / 1e6:,.1f} million rows"


_SHARED_OUT = (2, 4, 8, 16)
_ENGINES = """\
## Engines

Beam's components in this process, and on a Flink cluster on the same machine: what a cluster costs
can be read here, what more machines gain cannot.
"""


def repeated(times: int) -> str:
    """Say of how many runs the figures are."""
    if times == 1:
        return "Each figure is of one run."
    return f"Each figure is the median of {times} runs; memory is the most of them."


def verdicts(targets: Sequence[Target]) -> str:
    """Return the table of what is promised beside what was measured."""
    return table(
        ["target", "bound", "measured", "met"],
        [
            [
                each.what,
                f"{'at least' if each.at_least else 'at most'} {each.bound:g}",
                f"{each.measured:.2f}",
                "yes" if each.met else "NO",
            ]
            for each in targets
        ],
    )


def machine() -> str:
    """Say on what the figures were measured."""
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
