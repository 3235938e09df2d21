"""Measure Taxiway, stock TFX and a plain script; `make bench` runs this module."""

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

from scripts.bench import boosting, data, engines, history, measure, report, serving, targets
from scripts.clusters.downloads import Unavailable

_CONTENDERS = {
    targets.PLAIN: "scripts.bench.contenders.plain_keras",
    targets.TAXIWAY: "scripts.bench.contenders.taxiway",
    targets.STOCK: "scripts.bench.contenders.stock_tfx",
}
_INTRODUCTION = """\
# Benchmarks

`make bench` measured these figures on {today}. {machine}

All contenders read the same real flights and train the same network on the same features for the
same number of epochs. They run one after the other, every contender in a separate process; imports
are included. The plain script is pandas and Keras without TFX. It has no statistics, schema,
validation, metadata, cache or blessing, and its SavedModel reads a prepared matrix. Stock TFX has
the default options of every component, and functions for Transform and Trainer as in its
tutorials; it infers its schema. It reads CSV; the others read Parquet. CPU time is that of all
cores; memory is the peak of the process without its child processes. {repeated}

The contenders differ in these points:

- Taxiway and the plain script may stop early, because they validate on a tenth of the train rows.
  The stock chain trains on all train rows in every epoch, and then evaluates ten batches of the
  eval rows.
- Taxiway and the stock chain measure AUC during training; the plain script does not.
- The stock chain replaces a missing number by 0 before it normalizes; the others use the mean. Its
  bound is on the AUC of all rows only, and its precision and recall are at a score of 0.5.
- Taxiway is measured without its command line, whose start is the first row of Command times.
- The plain script always runs first, so only the plain script reads from a cold file cache.
"""
_BOOSTING = """\
## A month ahead

AUC on every month after training on the three months before it, compared with scikit-learn's
HistGradientBoostingClassifier with its default options on the same features.

{table}"""


@click.command()
@click.option(
    "--sizes", default="15000,all", show_default=True, help="Numbers of rows, separated by commas."
)
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
    """Measure all contenders, print the figures, and write the page.

    Args:
      sizes: numbers of rows, separated by commas; `all` for all flights.
      repeat: number of runs of every contender.
      with_boosting: whether to compare with gradient boosting.
      with_engines: whether to measure a Flink cluster.
      months: months to compare with gradient boosting, separated by commas.
      page: path of the Markdown page.
    """
    parts, bounds = [], []
    with tempfile.TemporaryDirectory(prefix="taxiway-bench-") as folder:
        scratch = Path(folder)
        for size in sizes.split(","):
            result = _measure_size(size, repeat, scratch / size)
            parts.append(_comparison(result))
            bounds += targets.size_targets(size, result.contenders)
        commands = _commands(scratch)
        parts.append(report.commands(*commands))
        bounds += targets.command_targets(*commands)
        served = serving.measure(scratch / "commands" / "models" / "flights" / "1")
        long = history.measure(scratch / "commands")
        parts.append(report.history(long))
        bounds += targets.history_targets(long)
        parts.append(report.serving(served))
        bounds += targets.serving_targets(served)
        if with_engines:
            parts.append(_engines(scratch / "engines"))
        if with_boosting:
            spans = [int(month) for month in months.split(",")]
            parts.append(_month_ahead(scratch / "boosting", spans))
    introduction = _INTRODUCTION.format(
        today=datetime.date.today(), machine=report.machine(), repeated=report.repeated(repeat)
    )
    text = "\n".join([introduction, f"## Targets\n\n{report.verdicts(bounds)}", *parts])
    page.parent.mkdir(exist_ok=True)
    page.write_text(text, encoding="utf-8")
    Console().print(Markdown(text))


@dataclass(frozen=True)
class _SizeResult:
    rows: int
    contenders: dict[str, measure.Measurement]


def _measure_size(size: str, repeat: int, scratch: Path) -> _SizeResult:
    rows = data.write(scratch, None if size == "all" else int(size))
    runs: dict[str, list[measure.Measurement]] = {name: [] for name in _CONTENDERS}
    for _ in range(repeat):
        for name, module in _CONTENDERS.items():
            print(f"{rows.rows:,} rows: {name}", file=sys.stderr, flush=True)
            own = Path(tempfile.mkdtemp(dir=scratch))
            runs[name].append(measure.run(module, rows.folder, own))
    return _SizeResult(rows.rows, {name: report.median(results) for name, results in runs.items()})


def _comparison(result: _SizeResult) -> str:
    contenders = result.contenders
    speed = contenders[targets.STOCK].total.wall / contenders[targets.TAXIWAY].total.wall
    return (
        f"## {result.rows:,} rows\n\n"
        + report.totals(contenders, targets.PLAIN)
        + f"\nTaxiway is {speed:.2f} times as fast as the stock chain; its ExampleGen "
        f"{targets.example_gen_speed_up(contenders):.0f} times as fast as the stock one.\n"
        + "".join(
            f"\n{name}:\n\n{report.components(measurement)}"
            for name, measurement in contenders.items()
        )
    )


def _commands(scratch: Path) -> tuple[float, float]:
    taxiway = Path(sys.executable).with_name("taxiway")
    run: list[str | Path] = [taxiway, "run", "--workspace", scratch / "commands"]
    measure.wall_seconds(run)
    return measure.wall_seconds([taxiway, "--help"]), measure.wall_seconds(run)


def _month_ahead(scratch: Path, spans: Sequence[int]) -> str:
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
