"""What a person sees of a run: one line a step, and where the model is."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from pipeline.progress import RunResult, Step

_MARKS = {"done": ("✓", "green"), "cached": ("○", "dim"), "failed": ("✗", "red")}


class Display:
    """Show steps on a terminal with a spinner, or as plain lines where there is none.

    Args:
      stream: the terminal, or a pipe.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._live: Live | None = None

    def started(self, name: str) -> None:
        """Show a spinner beside the step's name."""
        if self._console.is_terminal:
            spinner = Spinner("dots", text=Text(name), style="cyan")
            self._live = Live(spinner, console=self._console, transient=True)
            self._live.start()

    def finished(self, step: Step) -> None:
        """Replace the spinner by the step's line."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        mark, style = _MARKS[step.state]
        line = Text(f"{mark} ", style=style)
        line.append(f"{step.name:<19}", style="bold" if step.state == "failed" else "")
        line.append("  cached" if step.state == "cached" else f"{step.seconds:6.1f} s", style="dim")
        line.append(f"  {step.decision}".rstrip())
        self._console.print(line)

    def summary(self, result: RunResult) -> None:
        """Say what was published, and where everything is."""
        print_ = self._console.print
        print_()
        print_(
            Text(f"Model {result.model_dir} ", style="bold green")
            + Text(f"is blessed and published as version {result.version}.", style="green")
        )
        for name, value in sorted(result.metrics.items()):
            line = f"  {name:<20} {value:.4g}"
            if name in result.baseline:
                line += f"  (blessed before: {result.baseline[name]:.4g})"
            print_(line)
        print_(f"  total                {result.seconds:.1f} s")
        print_(f"Log    {result.log_file}")
        print_(f"Next   taxiway run --span {result.span}   (unchanged, it is all cached)")
