"""InfraCheck's report and the limits of a model."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pipeline.settings.base import Frozen

REPORT_FILE = "report.json"
# Curves of the served scores for the run's report, from `models.tasks.binary_metrics.curves`.
CURVES_FILE = "curves.json"

# Of the InfraBlessing, as TFX's InfraValidator has them and as Pusher reads them.


class Limits(Frozen):
    """The limits of a model that is served.

    Args:
      load_seconds: maximum seconds to load the model.
      memory_bytes: maximum bytes that loading and calling the model adds to a process.
      latency_ms: maximum 99th percentile of the milliseconds for a request with one row.
      seconds: maximum seconds of the whole dry run.
    """

    load_seconds: float
    memory_bytes: int
    latency_ms: float
    seconds: float


class Latency(Frozen):
    """The milliseconds that a request with one row takes.

    Args:
      p50: median.
      p99: 99th percentile.
    """

    p50: float
    p99: float


class Report(Frozen):
    """The result of a dry run.

    Args:
      problems: reasons why the model is not fit to serve; default none.
      model_id: hash of the loaded files, warm-up requests included; default "".
      rows: number of rows of the eval split, all sent to `serving_default`; default 0.
      rows_each: number of these rows that were sent to every other signature too; default 0.
      load_seconds: seconds that loading took; default 0.
      memory_bytes: bytes that loading and calling added to the process; default 0.
      latency_ms: latency by signature; default none.
      others: signatures that rows do not fit, so they were called with generated inputs; default
        none.
      warmup_requests: number of warm-up requests written into the model; default 0.
      limits: limits of the model.
      server: name of the server; default a TensorFlow session.
    """

    problems: tuple[str, ...] = ()
    model_id: str = ""
    rows: int = 0
    rows_each: int = 0
    load_seconds: float = 0.0
    memory_bytes: int = 0
    latency_ms: dict[str, Latency] = Field(default_factory=dict)
    others: tuple[str, ...] = ()
    warmup_requests: int = 0
    limits: Limits
    server: str = "TensorFlow session"

    @property
    def passed(self) -> bool:
        """Whether the model is fit to serve."""
        return not self.problems

    def with_problems(self, *problems: str) -> Report:
        """Return the report with further problems.

        Args:
          *problems: reasons why the model is not fit to serve.
        """
        return self.model_copy(update={"problems": (*self.problems, *problems)})

    def summary(self) -> str:
        """Return the report as one line."""
        if self.problems:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            return f"not fit to serve: {self.problems[0]}{more}"
        others = f", generated inputs by {', '.join(self.others)}" if self.others else ""
        slowest = max((latency.p99 for latency in self.latency_ms.values()), default=0.0)
        return (
            f"{self.rows:,} rows served, {self.rows_each:,} by all "
            f"{len(self.latency_ms)} signatures{others}; "
            f"loads in {self.load_seconds:.1f} s, {self.memory_bytes / 1e6:.0f} MB, "
            f"answers in {slowest:.1f} ms"
        )


def read(folder: Path) -> Report:
    """Read InfraCheck's report.

    Args:
      folder: folder of an InfraBlessing artifact, or of a dry run.
    """
    return Report.model_validate_json((folder / REPORT_FILE).read_bytes())
