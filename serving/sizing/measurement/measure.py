"""Measurement of a server, step by step."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from serving.client.transport import EncodedRequest
from serving.sizing.measurement import answers
from serving.sizing.measurement.answers import Row
from serving.sizing.measurement.drive import answer_bytes, drive
from serving.sizing.measurement.load import Load, steady
from serving.sizing.measurement.observer import Observer, step
from serving.sizing.measurement.server import Target
from serving.sizing.measurement.watch import Watch
from serving.sizing.results import analysis
from serving.sizing.results.result import (
    Cell,
    Check,
    Figures,
    Memory,
    Recommendation,
    Sizing,
    SizingRequest,
)

# A short pilot run estimates a cell's rate and warms the server up.
_PILOT_SECONDS = 0.3
_PILOT_REQUESTS = 4
_FEWEST_REQUESTS = 50

# In a steady test, an answer may take this many times the target before the next request waits.
_PATIENCE = 2.0

# A test of the recommendation takes this many times as long as a repeat.
_LONGER = 3.0

# Share of the repeats that may be measured again because other processes were busy.
_AGAIN = 1 / 3

_CHECK_EVERY_SECONDS = 0.2


def _nothing() -> None:
    pass


@dataclass
class Bench:
    """A server and the means to measure it.

    Args:
      target: server to measure.
      rows: real rows, more than the largest batch has.
      expected: expected scores, one per row; None: the server's first answers are taken as correct.
      request: settings of the measurement.
      cpus: CPUs of the load generator.
      observer: receiver of the progress.
    """

    target: Target
    rows: Sequence[Row]
    expected: Sequence[float] | None
    request: SizingRequest
    cpus: Sequence[int]
    observer: Observer
    _bytes: dict[bytes, int] = field(default_factory=dict)
    _rates: dict[tuple[str, int, int], float] = field(default_factory=dict)
    _again: int = 0

    def measure(self, sizing: Sizing) -> Sizing:
        """Measure all cells, choose a recommendation, and test it.

        Args:
          sizing: sizing without figures.

        Returns:
          The sizing with its figures.

        Raises:
          SizingError: the measurement failed, or the answers are wrong.
        """
        watch = self.target.watch
        loaded = watch.memory() if watch else 0
        with step(self.observer, "Answers") as report:
            self._check_answers("before the load")
            report(f"correct for {len(self.rows)} rows")
        cells = self._grid()
        with step(self.observer, "Answers") as report:
            self._check_answers("after the load")
            report("correct after the load")
        sizing = sizing.model_copy(update={"cells": cells})
        refused = analysis.refusals(cells, self.request.target_ms)
        if refused:
            return sizing.model_copy(update={"refused": tuple(refused)})
        best = analysis.best(cells, self.request.target_ms)
        assert best is not None
        recommendation = self._recommend(best, len(sizing.server_cpus))
        refused = [*_broken(recommendation, self.request.target_ms)]
        memory = None
        if watch is not None and self.target.load_second is not None and not refused:
            driven = watch.peak()
            failed = self._swap(recommendation, watch, self.target.load_second)
            memory = Memory(loaded=loaded, driven=driven, swap=watch.peak())
            if failed:
                refused.append(f"{failed:,} requests failed while the second version was loaded")
        return sizing.model_copy(
            update={
                "recommendation": recommendation,
                "memory": memory,
                "refused": tuple(refused),
            }
        )

    def _grid(self) -> tuple[Cell, ...]:
        request = self.request
        keys = list(product(request.protocols, request.batches, request.concurrencies))
        figures: dict[tuple[str, int, int], list[Figures]] = {key: [] for key in keys}
        self._again = round(_AGAIN * len(keys) * request.repeats)
        # Round by round, so that changes over time appear in the spread.
        for repeat in range(request.repeats):
            with step(self.observer, f"Round {repeat + 1} of {request.repeats}") as report:
                for key in keys:
                    figures[key].append(self._cell(key, repeat))
                rows = max(repeats[-1].per_second * key[1] for key, repeats in figures.items())
                errors = sum(repeats[-1].errors for repeats in figures.values())
                report(f"{len(keys)} cells, {rows:,.0f} rows/s at most, {errors:,} errors")
        return tuple(
            Cell(protocol=key[0], batch=key[1], concurrency=key[2], repeats=tuple(repeats))
            for key, repeats in figures.items()
        )

    def _cell(self, key: tuple[str, int, int], repeat: int) -> Figures:
        protocol, batch, clients = key
        encoded = self._encoded(protocol, batch, repeat)
        if key not in self._rates:
            requests = max(_FEWEST_REQUESTS, _PILOT_REQUESTS * clients)
            self._drive(self._load(encoded, requests, clients), _PILOT_SECONDS)
            pilot = self._drive(self._load(encoded, requests, clients), _PILOT_SECONDS)
            self._rates[key] = pilot.per_second
        figures = self._full(encoded, key, self.request.seconds)
        while (figures.others_cpus or 0.0) > analysis.MAX_OTHERS and self._again > 0:
            self._again -= 1
            figures = self._full(encoded, key, self.request.seconds)
        self._rates[key] = figures.per_second
        return figures

    def _full(self, encoded: EncodedRequest, key: tuple[str, int, int], seconds: float) -> Figures:
        clients = key[2]
        fewest = max(_FEWEST_REQUESTS, _PILOT_REQUESTS * clients)
        requests = max(fewest, round(self._rates[key] * seconds))
        return self._drive(self._load(encoded, requests, clients), seconds)

    def _recommend(self, best: Cell, bound: int) -> Recommendation:
        request = self.request
        key = best.protocol, best.batch, best.concurrency
        longer = _LONGER * request.seconds
        encoded = self._encoded(best.protocol, best.batch, request.repeats)
        with step(self.observer, "Full rate") as report:
            figures = self._full(encoded, key, longer)
            full = _check(best.rows_per_second, figures, best.batch, request)
            report(_summary(full))
        rate = best.rows_per_second * (1 - request.headroom)
        with step(self.observer, "Steady rate") as report:
            load = self._steady(encoded, rate / best.batch, longer)
            figures = self._drive(load, longer, self._checker(best.protocol))
            held = _check(rate, figures, best.batch, request)
            report(_summary(held))
        return Recommendation(
            protocol=best.protocol,
            batch=best.batch,
            concurrency=best.concurrency,
            capacity=best.rows_per_second,
            rate=rate,
            replicas=None if request.rate is None else analysis.replicas(request.rate, rate),
            # A server cannot use more CPUs than it is bound to; clocks are inexact.
            cpus=min(best.cpus, bound) if best.cpus and bound else best.cpus,
            full=full,
            steady=held,
        )

    def _swap(
        self, recommendation: Recommendation, watch: Watch, load_second: Callable[[], None]
    ) -> int:
        """Load a second version under load; return the number of requests that failed."""
        batch = recommendation.batch
        seconds = _LONGER * self.request.seconds
        encoded = self._encoded(recommendation.protocol, batch, 0)
        load = self._steady(encoded, recommendation.rate / batch, seconds)
        loading = iter([load_second])
        with step(self.observer, "Two versions") as report:
            figures = self._drive(load, seconds, lambda: next(loading, _nothing)())
            self._check_answers("of the second version")
            report(
                f"{watch.peak() / 1e6:,.0f} MB at most while the second is loaded, "
                f"{figures.errors:,} errors"
            )
        return figures.errors

    def _steady(self, encoded: EncodedRequest, rate: float, seconds: float) -> Load:
        patience = _PATIENCE * self.request.target_ms / 1e3
        return steady(encoded, rate, seconds, patience, self._answer_bytes(encoded))

    def _load(self, encoded: EncodedRequest, requests: int, clients: int) -> Load:
        return Load(encoded, requests, clients, answer_bytes=self._answer_bytes(encoded))

    def _drive(self, load: Load, seconds: float, during: Callable[[], None] = _nothing) -> Figures:
        return drive(load, self.cpus, seconds, self.target.watch, during)

    def _encoded(self, protocol: str, batch: int, turn: int) -> EncodedRequest:
        """Return a request with different rows in every turn."""
        start = turn * batch % max(1, len(self.rows) - batch + 1)
        return self.target.clients[protocol].encode(self.rows[start : start + batch])

    def _answer_bytes(self, encoded: EncodedRequest) -> int | None:
        if not encoded.http2:
            return None  # a REST error has a status
        if encoded.body not in self._bytes:
            self._bytes[encoded.body] = answer_bytes(encoded, self.cpus)
        return self._bytes[encoded.body]

    def _check_answers(self, when: str) -> None:
        for protocol in self.request.protocols:
            client = self.target.clients[protocol]
            if self.expected is None:
                self.expected = answers.ask(client, self.rows)
            answers.check(client, self.rows, self.expected, f"over {protocol} {when}")

    def _checker(self, protocol: str) -> Callable[[], None]:
        last_check = 0.0

        def check() -> None:
            nonlocal last_check
            if time.monotonic() - last_check >= _CHECK_EVERY_SECONDS:
                assert self.expected is not None
                client = self.target.clients[protocol]
                answers.check(client, self.rows[:1], self.expected[:1], "under load")
                last_check = time.monotonic()

        return check


def now() -> str:
    """Return the current time: UTC, ISO 8601."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _check(promised: float, figures: Figures, batch: int, request: SizingRequest) -> Check:
    rows = figures.per_second * batch
    quick = figures.p99_ms <= request.target_ms
    holds = analysis.agrees(rows, promised) and quick and not figures.errors
    return Check(promised_rows=promised, measured=figures, measured_rows=rows, holds=holds)


def _summary(check: Check) -> str:
    return (
        f"{check.measured_rows:,.0f} rows/s, {check.ratio:.2f} of the promised "
        f"{check.promised_rows:,.0f}; p99 {check.measured.p99_ms:.1f} ms, "
        f"{check.measured.errors} errors"
    )


def _broken(recommendation: Recommendation, target_ms: float) -> Iterator[str]:
    for name, check in (
        ("at full rate", recommendation.full), ("at the recommended rate", recommendation.steady),
    ):  # fmt: skip
        if not check.holds:
            yield (
                f"a later test {name} does not agree: {_summary(check)} "
                f"(the maximum is {target_ms:g} ms, rates must agree within"
                f" {analysis.AGREEMENT:.0%})"
            )
