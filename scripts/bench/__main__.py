"""Measure Taxiway beside stock TFX and a plain script; what `make bench` runs."""

from __future__ import annotations

import datetime
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.markdown import Markdown

from scripts.bench import boosting, data, engines, measure, report, serving, targets
from scripts.clusters.downloads import Unavailable

_CONTENDERS = {
    targets.PLAIN: "scripts.bench.with_keras",
    targets.TAXIWAY: "scripts.bench.with_taxiway",
    targets.STOCK: "scripts.bench.with_stock_tfx",
}
_INTRODUCTION = """\
# Benchmarks

What `make bench` measured on {today}. {machine}

All contenders read the same real flights and learn the same network from the same features for as
many epochs; each runs in a process of its own, in turn, imports included. The plain script is
pandas and Keras without TFX: no statistics, schema, validation, metadata, cache or blessing, and
its SavedModel takes a prepared matrix. Stock TFX has every component's default options, and
functions for Transform and Trainer as its tutorials write them; it infers its schema. It reads
CSV, the others Parquet. CPU is of all cores; memory is the process's peak, without its children.
{repeated}

Not entirely equal:

- Taxiway and the plain script may stop early, by a tenth of the train rows that they do not learn
  from. The stock chain learns from all of them for every epoch, and then looks at ten batches of
  the eval rows.
- Taxiway and the stock chain measure AUC while they train; the plain script does not.
- The stock chain puts 0 for a missing number before it normalises, the others the mean. It judges
  AUC overall only, and takes precision and recall at a score of 0.5.
- Taxiway is timed without its command line, whose start is the first row of Command times.
- The plain script always goes first, and so is the one that finds a cold file cache.
"""
_BOOSTING = """\
## A month ahead

AUC on each month after training on the three before it, beside scikit-learn's
HistGradientBoostingClassifier with its defaults on the same features.

{table}"""


@click.command()
@click.option("--sizes", default="15000,all", show_default=True, help="Rows, separated by commas.")
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--boosting/--no-boosting", "with_boosting", default=True, show_default=True)
@click.option("--engines/--no-engines", "with_engines", default=True, show_default=True)
@click.option(
    "--months",
    default=",".join(map(str, boosting.MONTHS)),
    show_default=True,
    help="Months to compare with gradient boosting, separated by commas.",
)
@click.option(
    "--page",
    default="docs/benchmarks.md",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
)
def main(
    sizes: str, repeat: int, with_boosting: bool, with_engines: bool, months: str, page: Path
) -> None:
    """Measure everything, print it, and write a page of it."""
    parts, promised = [], []
    with tempfile.TemporaryDirectory(prefix="taxiway-bench-") as folder:
        scratch = Path(folder)
        for size in sizes.split(","):
            usual = _size(size, repeat, scratch / size)
            parts.append(_comparison(usual))
            promised += targets.of_size(size, usual.contenders)
        commands = _commands(scratch)
        parts.append(report.commands(*commands))
        promised += targets.of_commands(*commands)
        served = serving.measure(scratch / "commands" / "models" / "flights" / "1")
        parts.append(report.serving(served))
        promised += targets.of_serving(served)
        if with_engines:
            parts.append(_engines(scratch / "engines"))
        if with_boosting:
            spans = [int(month) for month in months.split(",")]
            parts.append(_a_month_ahead(scratch / "boosting", spans))
    introduction = _INTRODUCTION.format(
        today=datetime.date.today(), machine=report.machine(), repeated=report.repeated(repeat)
    )
    text = "\n".join([introduction, f"## Targets\n\n{report.verdicts(promised)}", *parts])
    page.parent.mkdir(exist_ok=True)
    page.write_text(text, encoding="utf-8")
    Console().print(Markdown(text))


@dataclass(frozen=True)
class _Usual:
    rows: int
    contenders: dict[str, measure.Measurement]


def _size(size: str, repeat: int, scratch: Path) -> _Usual:
    rows = data.write(scratch, None if size == "all" else int(size))
    runs: dict[str, list[measure.Measurement]] = {name: [] for name in _CONTENDERS}
    for _ in range(repeat):
        for name, module in _CONTENDERS.items():
            print(f"{rows.rows:,} rows: {name}", file=sys.stderr, flush=True)
            own = Path(tempfile.mkdtemp(dir=scratch))
            runs[name].append(measure.run(module, rows.folder, own))
    return _Usual(rows.rows, {name: report.median(each) for name, each in runs.items()})


def _comparison(usual: _Usual) -> str:
    contenders = usual.contenders
    speed = contenders[targets.STOCK].total.wall / contenders[targets.TAXIWAY].total.wall
    return (
        f"## {usual.rows:,} rows\n\n"
        + report.totals(contenders, targets.PLAIN)
        + f"\nTaxiway is {speed:.2f} times as fast as the stock chain; its ExampleGen "
        f"{targets.example_gen_speed_up(contenders):.0f} times as fast as the stock one.\n"
        + "".join(f"\n{name}:\n\n{report.components(each)}" for name, each in contenders.items())
    )


def _commands(scratch: Path) -> tuple[float, float]:
    taxiway = Path(sys.executable).with_name("taxiway")
    run: list[str | Path] = [taxiway, "run", "--workspace", scratch / "commands"]
    measure.wall_of(run)
    return measure.wall_of([taxiway, "--help"]), measure.wall_of(run)


def _a_month_ahead(scratch: Path, spans: Sequence[int]) -> str:
    scratch.mkdir()
    months = []
    for span in spans:
        print(f"a month ahead: {span}", file=sys.stderr, flush=True)
        months.append(boosting.compare(span, scratch))
    return _BOOSTING.format(table=report.boosting(months))


def _engines(scratch: Path) -> str:
    try:
        return report.engines(engines.measure(scratch))
    except Unavailable as missing:
        return f"## Engines\n\nNot measured: {missing}.\n"


if __name__ == "__main__":
    main()
