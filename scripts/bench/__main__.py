"""Measure Taxiway beside stock TFX and a plain script; what `make bench` runs."""

from __future__ import annotations

import datetime
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.markdown import Markdown

from scripts.bench import boosting, data, measure, report

_PAGE = Path("docs/benchmarks.md")
_CONTENDERS = {
    "plain script": "scripts.bench.with_keras",
    "Taxiway": "scripts.bench.with_taxiway",
    "stock TFX": "scripts.bench.with_stock_tfx",
}
_INTRODUCTION = """\
# Benchmarks

What `make bench` measured on {today}. {machine}

All contenders read the same real flights and learn the same network from the same features for as
many epochs; each runs in a process of its own, in turn, imports included. The plain script is
pandas and Keras without TFX: no statistics, schema, validation, metadata, cache or blessing, and
its SavedModel takes a prepared matrix. Stock TFX has every component's default options, and
functions for Transform and Trainer as its tutorials write them; it infers its schema. It reads
CSV, the others Parquet. CPU is of all cores; memory is the process's peak.
"""
_MANNERS = """\
## Manners

| command | wall s |
|---|---:|
| `taxiway --help` | {help:.2f} |
| `taxiway run`, all cached | {cached:.1f} |
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
def main(sizes: str, repeat: int, with_boosting: bool) -> None:
    """Measure everything, print it, and write docs/benchmarks.md."""
    parts = [_INTRODUCTION.format(today=datetime.date.today(), machine=report.machine())]
    with tempfile.TemporaryDirectory(prefix="taxiway-bench-") as folder:
        scratch = Path(folder)
        for size in sizes.split(","):
            parts.append(_size(size, repeat, scratch / size))
        parts.append(_manners(scratch))
        if with_boosting:
            parts.append(_a_month_ahead(scratch / "boosting"))
    page = "\n".join(parts)
    _PAGE.parent.mkdir(exist_ok=True)
    _PAGE.write_text(page, encoding="utf-8")
    Console().print(Markdown(page))


def _size(size: str, repeat: int, scratch: Path) -> str:
    rows = data.write(scratch, None if size == "all" else int(size))
    runs: dict[str, list[measure.Measurement]] = {name: [] for name in _CONTENDERS}
    for _ in range(repeat):
        for name, module in _CONTENDERS.items():
            print(f"{rows.rows:,} rows: {name}", file=sys.stderr, flush=True)
            own = Path(tempfile.mkdtemp(dir=scratch))
            runs[name].append(measure.run(module, rows.folder, own))
    usual = {name: report.median(each) for name, each in runs.items()}
    speed = usual["stock TFX"].total.wall / usual["Taxiway"].total.wall
    examples = (
        usual["stock TFX"].parts["CsvExampleGen"].wall / usual["Taxiway"].parts["ExampleGen"].wall
    )
    return (
        f"## {rows.rows:,} rows\n\n"
        + report.totals(usual, "plain script")
        + f"\nTaxiway is {speed:.1f} times as fast as the stock chain; its ExampleGen "
        f"{examples:.0f} times as fast as the stock one.\n"
        + "".join(f"\n{name}:\n\n{report.components(each)}" for name, each in usual.items())
    )


def _manners(scratch: Path) -> str:
    taxiway = Path(sys.executable).with_name("taxiway")
    run: list[str | Path] = [taxiway, "run", "--workspace", scratch / "manners"]
    measure.wall_of(run)
    return _MANNERS.format(help=measure.wall_of([taxiway, "--help"]), cached=measure.wall_of(run))


def _a_month_ahead(scratch: Path) -> str:
    scratch.mkdir()
    months = []
    for span in boosting.MONTHS:
        print(f"a month ahead: {span}", file=sys.stderr, flush=True)
        months.append(boosting.compare(span, scratch))
    return _BOOSTING.format(table=report.boosting(months))


if __name__ == "__main__":
    main()
