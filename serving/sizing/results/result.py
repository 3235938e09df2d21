"""What was measured; `sizing.json` holds one Sizing."""

from __future__ import annotations

from statistics import median

from serving.frozen import FrozenModel


class Figures(FrozenModel):
    """What came of driving a server once.

    Args:
      requests: that were sent.
      errors: of them, by status, by broken connection, or without an answer.
      per_second: requests that were answered, ramps at both ends left out.
      p50_ms: half of the requests took at most this long.
      p95_ms: 95 of 100.
      p99_ms: 99 of 100.
      cpu_ms: of the server for a request; None when its process is not known.
      memory_bytes: the most that the server occupied; None likewise.
      others_cpus: CPUs that neither the server nor the generator kept busy; None likewise.
      generator_cpus: CPUs that the generator kept busy.
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
      batch: rows of a request.
      concurrency: clients, each of which waits for its answer before it asks again.
      repeats: in the order they were measured.
    """

    protocol: str
    batch: int
    concurrency: int
    repeats: tuple[Figures, ...]

    @property
    def name(self) -> str:
        """The cell, in words."""
        return f"{self.protocol}, batch {self.batch}, concurrency {self.concurrency}"

    @property
    def rows_per_second(self) -> float:
        """Median of the repeats."""
        return self.batch * median(each.per_second for each in self.repeats)

    @property
    def spread(self) -> float:
        """How far the repeats lie apart: greatest less least rate, as a share of the median."""
        rates = [each.per_second for each in self.repeats]
        return (max(rates) - min(rates)) / median(rates) if median(rates) else float("inf")

    @property
    def p50_ms(self) -> float:
        """Median of the repeats."""
        return median(each.p50_ms for each in self.repeats)

    @property
    def p95_ms(self) -> float:
        """Median of the repeats."""
        return median(each.p95_ms for each in self.repeats)

    @property
    def p99_ms(self) -> float:
        """Median of the repeats."""
        return median(each.p99_ms for each in self.repeats)

    @property
    def worst_p99_ms(self) -> float:
        """Of the slowest repeat, which is what a target is held against."""
        return max(each.p99_ms for each in self.repeats)

    @property
    def errors(self) -> int:
        """Of all repeats."""
        return sum(each.errors for each in self.repeats)

    @property
    def cpu_ms(self) -> float | None:
        """For a request: median of the repeats."""
        known = [each.cpu_ms for each in self.repeats if each.cpu_ms is not None]
        return median(known) if known else None

    @property
    def cpus(self) -> float | None:
        """That the server keeps busy: median of the repeats."""
        known = [each.cpus for each in self.repeats if each.cpus is not None]
        return median(known) if known else None

    @property
    def memory_bytes(self) -> int | None:
        """The most of all repeats."""
        known = [each.memory_bytes for each in self.repeats if each.memory_bytes is not None]
        return max(known) if known else None


class Memory(FrozenModel):
    """What the server occupies, in bytes.

    Args:
      loaded: with one version, before it was called.
      driven: the most with one version while it answered.
      swap: the most while a second version was loaded beside it and it went on answering.
    """

    loaded: int
    driven: int
    swap: int


class Check(FrozenModel):
    """What was promised, tried again at the end.

    Args:
      promised_rows: a second.
      found: what came of it.
      found_rows: a second.
      holds: whether it is as promised.
    """

    promised_rows: float
    found: Figures
    found_rows: float
    holds: bool

    @property
    def ratio(self) -> float:
        """Rows a second that were found, as a share of the promised ones."""
        return self.found_rows / self.promised_rows


class Recommendation(FrozenModel):
    """How to call a server, and how many of them.

    Args:
      protocol: `grpc` or `rest`.
      batch: rows of a request.
      concurrency: at which most rows were answered.
      capacity: rows a second that one replica answers within the target.
      rate: rows a second to send to one replica: the capacity less the headroom.
      replicas: for the wanted rate; None when none was named.
      cpus: that a replica needs at its capacity; None when its process is not known.
      full: a later and longer test at full rate.
      steady: a later test at the recommended rate, whether or not answers keep up.
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


class Wanted(FrozenModel):
    """What a user wants.

    Args:
      protocols: to try.
      batches: rows of a request, to try.
      concurrencies: numbers of clients, to try.
      repeats: of each cell.
      seconds: of one repeat.
      target_ms: p99 that is still good enough.
      rate: rows a second to answer altogether; None when that is not known.
      headroom: share of the capacity to leave free.
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
    """What was measured, and what follows from it.

    Args:
      model: its name.
      version: that was served; None when that is not known.
      server: what served it, in words.
      at: UTC, ISO 8601.
      wanted: by the user.
      server_cpus: that the server was bound to; empty when it was not.
      generator_cpus: that the load generator was bound to.
      cells: in the order of the grid.
      memory: None when the server is somebody else's.
      recommendation: None when it was refused.
      refused: why nothing is recommended, or what is recommended did not hold.
      caveats: what to know before the figures are used.
      seconds: wall time of it all.
    """

    model: str
    version: int | None
    server: str
    at: str
    wanted: Wanted
    server_cpus: tuple[int, ...]
    generator_cpus: tuple[int, ...]
    cells: tuple[Cell, ...]
    memory: Memory | None = None
    recommendation: Recommendation | None = None
    refused: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    seconds: float = 0.0
