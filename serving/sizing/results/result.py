"""The result of a sizing; `sizing.json` contains one Sizing."""

from __future__ import annotations

from statistics import median

from serving.frozen import FrozenModel


class Figures(FrozenModel):
    """The figures of one load.

    Args:
      requests: number of requests that were sent.
      errors: number of requests that failed: by status, connection, or without an answer.
      per_second: answered requests per second, without the ramps at both ends.
      p50_ms: median latency in milliseconds.
      p95_ms: 95th percentile of the latency in milliseconds.
      p99_ms: 99th percentile of the latency in milliseconds.
      cpu_ms: CPU milliseconds of the server per request; None when its process is unknown.
      memory_bytes: largest memory of the server; None when its process is unknown.
      others_cpus: CPUs that other processes kept busy; None when the server's process is unknown.
      generator_cpus: CPUs that the load generator kept busy.
    """

    requests: int
    errors: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float | None = None
    memory_bytes: int | None = None
    others_cpus: float | None = None
    generator_cpus: float = 0.0

    @property
    def cpus(self) -> float | None:
        """CPUs that the server kept busy."""
        return None if self.cpu_ms is None else self.cpu_ms * self.per_second / 1e3


class Cell(FrozenModel):
    """One way to call a server, measured several times.

    Args:
      protocol: `grpc` or `rest`.
      batch: rows per request.
      concurrency: number of clients; every client waits for its answer before its next request.
      repeats: figures of the repeats, in the order of measurement.
    """

    protocol: str
    batch: int
    concurrency: int
    repeats: tuple[Figures, ...]

    @property
    def name(self) -> str:
        """Protocol, batch and concurrency as text."""
        return f"{self.protocol}, batch {self.batch}, concurrency {self.concurrency}"

    @property
    def rows_per_second(self) -> float:
        """Median of the repeats."""
        return self.batch * median(repeat.per_second for repeat in self.repeats)

    @property
    def spread(self) -> float:
        """Highest rate of the repeats minus the lowest, as a share of the median."""
        rates = [repeat.per_second for repeat in self.repeats]
        return (max(rates) - min(rates)) / median(rates) if median(rates) else float("inf")

    @property
    def p50_ms(self) -> float:
        """Median of the repeats."""
        return median(repeat.p50_ms for repeat in self.repeats)

    @property
    def p95_ms(self) -> float:
        """Median of the repeats."""
        return median(repeat.p95_ms for repeat in self.repeats)

    @property
    def p99_ms(self) -> float:
        """Median of the repeats."""
        return median(repeat.p99_ms for repeat in self.repeats)

    @property
    def worst_p99_ms(self) -> float:
        """p99 of the slowest repeat, which is compared with the target."""
        return max(repeat.p99_ms for repeat in self.repeats)

    @property
    def errors(self) -> int:
        """Number of errors of all repeats."""
        return sum(repeat.errors for repeat in self.repeats)

    @property
    def cpu_ms(self) -> float | None:
        """CPU milliseconds per request: median of the repeats."""
        values = [repeat.cpu_ms for repeat in self.repeats if repeat.cpu_ms is not None]
        return median(values) if values else None

    @property
    def cpus(self) -> float | None:
        """CPUs that the server keeps busy: median of the repeats."""
        values = [repeat.cpus for repeat in self.repeats if repeat.cpus is not None]
        return median(values) if values else None

    @property
    def memory_bytes(self) -> int | None:
        """Largest memory of all repeats."""
        values = [repeat.memory_bytes for repeat in self.repeats if repeat.memory_bytes is not None]
        return max(values) if values else None


class Memory(FrozenModel):
    """The memory of the server, in bytes.

    Args:
      loaded: memory with one version, before the first call.
      driven: largest memory with one version under load.
      swap: largest memory while a second version was loaded under load.
    """

    loaded: int
    driven: int
    swap: int


class Check(FrozenModel):
    """A later test of a promised rate.

    Args:
      promised_rows: rows per second that were promised.
      measured: figures of the test.
      measured_rows: rows per second of the test.
      holds: whether the test confirms the promise.
    """

    promised_rows: float
    measured: Figures
    measured_rows: float
    holds: bool

    @property
    def ratio(self) -> float:
        """Measured rows per second, as a share of the promised ones."""
        return self.measured_rows / self.promised_rows


class Recommendation(FrozenModel):
    """The recommended way to call servers, and their number.

    Args:
      protocol: `grpc` or `rest`.
      batch: rows per request.
      concurrency: number of clients at which most rows were answered.
      capacity: rows per second that one replica answers within the target.
      rate: rows per second to send to one replica: the capacity minus the headroom.
      replicas: number of replicas for the required rate; None when no rate was given.
      cpus: CPUs that a replica needs at its capacity; None when its process is unknown.
      full: later and longer test at full rate.
      steady: later test at the recommended rate, which does not wait for answers.
    """

    protocol: str
    batch: int
    concurrency: int
    capacity: float
    rate: float
    replicas: int | None
    cpus: float | None
    full: Check
    steady: Check


class SizingRequest(FrozenModel):
    """The settings of a sizing.

    Args:
      protocols: protocols to measure.
      batches: rows per request to measure.
      concurrencies: numbers of clients to measure.
      repeats: repeats per cell.
      seconds: duration of a repeat.
      target_ms: largest accepted p99 in milliseconds.
      rate: required rows per second of all replicas together; default: unknown.
      headroom: share of the capacity to keep free.
    """

    protocols: tuple[str, ...] = ("grpc", "rest")
    batches: tuple[int, ...] = (1, 8, 32)
    concurrencies: tuple[int, ...] = (1, 4, 16)
    repeats: int = 3
    seconds: float = 2.0
    target_ms: float = 50.0
    rate: float | None = None
    headroom: float = 0.3


class Sizing(FrozenModel):
    """The figures of a sizing, and the conclusions.

    Args:
      model: name of the model.
      version: version that was served; None when unknown.
      server: description of the server.
      at: time of the sizing: UTC, ISO 8601.
      request: settings of the sizing.
      server_cpus: CPUs that the server was bound to; empty when it was not bound.
      generator_cpus: CPUs that the load generator was bound to.
      cells: cells in the order of measurement.
      memory: memory of the server; None when Taxiway did not start it.
      recommendation: recommendation; None when there is a reason against one.
      refused: reasons against a recommendation, or tests that did not confirm it.
      caveats: caveats of the figures.
      seconds: duration of the sizing.
    """

    model: str
    version: int | None
    server: str
    at: str
    request: SizingRequest
    server_cpus: tuple[int, ...]
    generator_cpus: tuple[int, ...]
    cells: tuple[Cell, ...]
    memory: Memory | None = None
    recommendation: Recommendation | None = None
    refused: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    seconds: float = 0.0
