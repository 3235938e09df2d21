"""What InfraCheck found, and the limits that it held a model to."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pipeline.settings.base import Frozen

REPORT_FILE = "report.json"
# Of the served scores, for drawing: what `models.tasks.binary_metrics.curves` returns.
CURVES_FILE = "curves.json"

# Of the InfraBlessing, as TFX's InfraValidator has them and as Pusher reads them.


class Limits(Frozen):
    """What a model may take.

    Args:
      load_seconds: to be loaded.
      memory_bytes: that loading and calling it add to a process.
      latency_ms: 99th percentile of a request with one row.
      seconds: for the whole rehearsal.
    """

    load_seconds: float
    memory_bytes: int
    latency_ms: float
    seconds: float


class Latency(Frozen):
    """Milliseconds that a request with one row takes: median and 99th percentile."""

    p50: float
    p99: float


class Report(Frozen):
    """What came of a rehearsal.

    Args:
      problems: why the model is not fit to serve; none when it is.
      model_id: of the files that were loaded, warm-up requests included.
      rows: of the eval split, all sent to `serving_default`.
      rows_each: of these, sent to every other signature too.
      load_seconds: that loading took.
      memory_bytes: that loading and calling it added to the process.
      latency_ms: by signature.
      warmup_requests: that were written into the model.
      limits: that the model was held to.
      server: what served it.
    """

    problems: tuple[str, ...] = ()
    model_id: str = ""
    rows: int = 0
    rows_each: int = 0
    load_seconds: float = 0.0
    memory_bytes: int = 0
    latency_ms: dict[str, Latency] = Field(default_factory=dict)
    warmup_requests: int = 0
    limits: Limits
    server: str = "TensorFlow session"

    @property
    def passed(self) -> bool:
        """Whether the model is fit to serve."""
        return not self.problems

    def but_for(self, *problems: str) -> Report:
        """Return the report with further problems."""
        return self.model_copy(update={"problems": (*self.problems, *problems)})

    def in_words(self) -> str:
        """Say what was found, in a line."""
        if self.problems:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            return f"not fit to serve: {self.problems[0]}{more}"
        slowest = max((each.p99 for each in self.latency_ms.values()), default=0.0)
        return (
            f"{self.rows:,} rows served, {self.rows_each:,} by all "
            f"{len(self.latency_ms)} signatures; "
            f"loads in {self.load_seconds:.1f} s, {self.memory_bytes / 1e6:.0f} MB, "
            f"answers in {slowest:.1f} ms"
        )


def read(folder: Path) -> Report:
    """Read the report in the folder of an InfraBlessing that InfraCheck wrote."""
    return Report.model_validate_json((folder / REPORT_FILE).read_bytes())
