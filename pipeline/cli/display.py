"""Progress and summary of a run: one line per step, then the model and its metrics."""

from __future__ import annotations

from typing import TextIO

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.cli.console import open_console
from pipeline.runs.progress import Step
from pipeline.runs.records import RunRecord

_MARKS = {
    "done": ("✓", "green"),
    "cached": ("○", "dim"),
    "failed": ("✗", "red"),
    "interrupted": ("✗", "yellow"),
}


class Display:
    """Show steps on a terminal with a spinner, or as plain lines where there is none.

    Args:
      stream: the terminal or pipe to print on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = open_console(stream, soft_wrap=True)
        self._progress: Progress | None = None

    def started(self, name: str) -> None:
        """Show the step's name with a spinner and its duration.

        Args:
          name: name of the step that started.
        """
        if not self._console.is_terminal:
            return
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn(f"{name:<19}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            # Rich would redirect the output of libraries from the log to the terminal.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._progress.add_task(name, total=None)
        self._progress.start()

    def finished(self, step: Step) -> None:
        """Replace the spinner by the step's line.

        Args:
          step: the finished step with its state, duration and outcome.
        """
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
        """Show the published version, its metrics, and the paths of report and log.

        Args:
          result: the record of the run.
          again: the command that repeats the run.
        """
        print_ = self._console.print
        print_()
        print_(
            Text(f"Model {result.model_dir} ", style="bold green")
            + Text(f"is blessed and published as version {result.version}.", style="green")
        )
        for name, value in sorted(result.metrics.items()):
            line = f"  {name:<20} {_number(value)}"
            if name in result.baseline:
                line += f"  (baseline: {_number(result.baseline[name])})"
            print_(line)
        print_(f"  {result.comparison}")
        print_(f"  total                {result.seconds:.1f} s")
        if result.report is not None:
            print_(f"Report {result.report}")
        print_(f"Log    {result.log_file}")
        print_(Text(f"Next   {again}   (without changes, every step is cached)"))


def _number(value: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
