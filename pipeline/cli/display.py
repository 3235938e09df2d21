"""What a person sees of a run: one line a step, and where the model is."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from pipeline.errors import DataRefused
from pipeline.runs.progress import Step
from pipeline.runs.records import RunRecord

_MARKS = {
    "done": ("✓", "green"),
    "cached": ("○", "dim"),
    "failed": ("✗", "red"),
    "interrupted": ("✗", "yellow"),
}

# Of a table that is not on a terminal.
_PIPED_WIDTH = 160
_ROWS_SHOWN = 10


class Display:
    """Show steps on a terminal with a spinner, or as plain lines where there is none.

    Args:
      stream: the terminal, or a pipe.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None

    def started(self, name: str) -> None:
        """Show the step's name with a spinner and the time it takes."""
        if not self._console.is_terminal:
            return
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn(f"{name:<19}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            # Rich would pull what libraries print out of the log and onto the terminal.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._progress.add_task(name, total=None)
        self._progress.start()

    def finished(self, step: Step) -> None:
        """Replace the spinner by the step's line."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        mark, style = _MARKS[step.state]
        ran = step.state != "cached"
        line = Text.assemble(
            (f"{mark} ", style),
            (f"{step.name:<19}", "bold" if step.state == "failed" else ""),
            (f"{step.seconds:6.1f} s" if ran else f"{step.state:>8}", "dim"),
            f"  {step.decision}".rstrip(),
        )
        self._console.print(line)

    def summary(self, result: RunRecord, again: str) -> None:
        """Say what was published, and where everything is; `again` is the command to repeat it."""
        print_ = self._console.print
        print_()
        print_(
            Text(f"Model {result.model_dir} ", style="bold green")
            + Text(f"is blessed and published as version {result.version}.", style="green")
        )
        for name, value in sorted(result.metrics.items()):
            line = f"  {name:<20} {_number(value)}"
            if name in result.baseline:
                line += f"  (blessed before: {_number(result.baseline[name])})"
            print_(line)
        print_(f"  {result.comparison}")
        print_(f"  total                {result.seconds:.1f} s")
        if result.report is not None:
            print_(f"Report {result.report}")
        print_(f"Log    {result.log_file}")
        print_(Text(f"Next   {again}   (unchanged, it is all cached)"))


def show_refusal(error: DataRefused) -> None:
    """Show on standard error what data was refused for, as a table, and where the rows are."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    if error.findings:
        table = Table("feature", "split", "found", "expected", Column("rows", justify="right"))
        for finding in error.findings:
            rows = "" if finding.rows is None else f"{finding.rows:,}"
            cells = (finding.feature, finding.split, finding.found, finding.expected, rows)
            table.add_row(*map(escape, cells))
        console.print(table)
    elif error.rows:
        table = Table("file", "row", "column", "found", "expected")
        for row in error.rows[:_ROWS_SHOWN]:
            table.add_row(*map(escape, (row.file, row.row, row.column, row.found, row.expected)))
        console.print(table)
    if error.quarantine:
        console.print(f"Rows   {error.quarantine}", soft_wrap=True, markup=False)


def _number(value: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
