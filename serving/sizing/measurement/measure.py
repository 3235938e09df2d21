"""Measure a server, step by step."""

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
from serving.sizing.measurement.machine import MAX_OTHERS
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
    Wanted,
)

# The first guess of a cell's rate, and what warms it up.
_PILOT_SECONDS = 0.3
_PILOT_REQUESTS = 4
_FEWEST_REQUESTS = 50

# An answer may take so many times the target in a steady test before the next request has to wait.
_PATIENCE = 2.0

# A test of what is recommended takes so many times as long as a repeat.
_LONGER = 3.0

# Share of the repeats that may be measured again because others were busy meanwhile.
_AGAIN = 1 / 3

_CHECK_EVERY_SECONDS = 0.2


def _nothing() -> None:
    pass


@dataclass
class Bench:
    """A server, and what it is measured with.

    Args:
      target: the server.
      rows: real ones, more than the largest batch.
      expected: the score of each row; None to take the server's first answers for right.
      wanted: by the user.
      cpus: for the load generator.
      observer: who watches.
    """

    target: Target
    rows: Sequence[Row]
    expected: Sequence[float] | None
    wanted: Wanted
    cpus: Sequence[int]
    observer: Observer
    _bytes: dict[bytes, int] = field(default_factory=dict)
    _rates: dict[tuple[str, int, int], float] = field(default_factory=dict)
    _again: int = 0

    def measure(self, sizing: Sizing) -> Sizing:
        """Measure the grid, find what to recommend, and try that again.

        Args:
          sizing: what is known before.

        Returns:
          The same with the figures.

        Raises:
          SizingError: nothing could be measured, or the answers are wrong.
        """
        watch = self.target.watch
        loaded = watch.memory() if watch else 0
        with step(self.observer, "Answers") as say:
            self._check_answers("before the load")
            say(f"right for {len(self.rows)} rows")
        cells = self._grid()
        with step(self.observer, "Answers") as say:
            self._check_answers("after the load")
            say("right after the load")
        sizing = sizing.model_copy(update={"cells": cells})
        refused = analysis.refusals(cells, self.wanted.target_ms)
        if refused:
            return sizing.model_copy(update={"refused": tuple(refused)})
        best = analysis.best(cells, self.wanted.target_ms)
        assert best is not None
        recommendation = self._recommend(best, len(sizing.server_cpus))
        refused = [*_broken(recommendation, self.wanted.target_ms)]
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
        wanted = self.wanted
        keys = list(product(wanted.protocols, wanted.batches, wanted.concurrencies))
        found: dict[tuple[str, int, int], list[Figures]] = {key: [] for key in keys}
        self._again = round(_AGAIN * len(keys) * wanted.repeats)
        # A whole round after the other, so that what changes with time shows in the spread.
        for repeat in range(wanted.repeats):
            with step(self.observer, f"Round {repeat + 1} of {wanted.repeats}") as say:
                for key in keys:
                    found[key].append(self._cell(key, repeat))
                rows = max(each[-1].per_second * key[1] for key, each in found.items())
                errors = sum(each[-1].errors for each in found.values())
                say(f"{len(keys)} cells, {rows:,.0f} rows/s at most, {errors:,} errors")
        return tuple(
            Cell(protocol=key[0], batch=key[1], concurrency=key[2], repeats=tuple(each))
            for key, each in found.items()
        )

    def _cell(self, key: tuple[str, int, int], repeat: int) -> Figures:
        protocol, batch, clients = key
        wire = self._wire(protocol, batch, repeat)
        if key not in self._rates:
            requests = max(_FEWEST_REQUESTS, _PILOT_REQUESTS * clients)
            self._drive(self._load(wire, requests, clients), _PILOT_SECONDS)
            pilot = self._drive(self._load(wire, requests, clients), _PILOT_SECONDS)
            self._rates[key] = pilot.per_second
        figures = self._full(wire, key, self.wanted.seconds)
        while (figures.others_cpus or 0.0) > MAX_OTHERS and self._again > 0:
            self._again -= 1
            figures = self._full(wire, key, self.wanted.seconds)
        self._rates[key] = figures.per_second
        return figures

    def _full(self, wire: EncodedRequest, key: tuple[str, int, int], seconds: float) -> Figures:
        clients = key[2]
        fewest = max(_FEWEST_REQUESTS, _PILOT_REQUESTS * clients)
        requests = max(fewest, round(self._rates[key] * seconds))
        return self._drive(self._load(wire, requests, clients), seconds)

    def _recommend(self, best: Cell, bound: int) -> Recommendation:
        wanted = self.wanted
        key = best.protocol, best.batch, best.concurrency
        longer = _LONGER * wanted.seconds
        wire = self._wire(best.protocol, best.batch, wanted.repeats)
        with step(self.observer, "Full rate") as say:
            figures = self._full(wire, key, longer)
            full = _check(best.rows_per_second, figures, best.batch, wanted)
            say(_in_words(full))
        rate = best.rows_per_second * (1 - wanted.headroom)
        with step(self.observer, "Steady rate") as say:
            load = self._steady(wire, rate / best.batch, longer)
            figures = self._drive(load, longer, self._checker(best.protocol))
            held = _check(rate, figures, best.batch, wanted)
            say(_in_words(held))
        return Recommendation(
            protocol=best.protocol,
            batch=best.batch,
            concurrency=best.concurrency,
            capacity=best.rows_per_second,
            rate=rate,
            replicas=None if wanted.rate is None else analysis.replicas(wanted.rate, rate),
            # What a server is bound to, it cannot exceed but by the inexactness of clocks.
            cpus=min(best.cpus, bound) if best.cpus and bound else best.cpus,
            full=full,
            steady=held,
        )

    def _swap(
        self, recommendation: Recommendation, watch: Watch, load_second: Callable[[], None]
    ) -> int:
        """Load a second version under load; return how many requests failed meanwhile."""
        batch = recommendation.batch
        seconds = _LONGER * self.wanted.seconds
        wire = self._wire(recommendation.protocol, batch, 0)
        load = self._steady(wire, recommendation.rate / batch, seconds)
        loading = iter([load_second])
        with step(self.observer, "Two versions") as say:
            figures = self._drive(load, seconds, lambda: next(loading, _nothing)())
            self._check_answers("of the second version")
            say(
                f"{watch.peak() / 1e6:,.0f} MB at most while the second is loaded, "
                f"{figures.errors:,} errors"
            )
        return figures.errors

    def _steady(self, wire: EncodedRequest, rate: float, seconds: float) -> Load:
        patience = _PATIENCE * self.wanted.target_ms / 1e3
        return steady(wire, rate, seconds, patience, self._answer_bytes(wire))

    def _load(self, wire: EncodedRequest, requests: int, clients: int) -> Load:
        return Load(wire, requests, clients, answer_bytes=self._answer_bytes(wire))

    def _drive(
        self, load: Load, seconds: float, meanwhile: Callable[[], None] = _nothing
    ) -> Figures:
        return drive(load, self.cpus, seconds, self.target.watch, meanwhile)

    def _wire(self, protocol: str, batch: int, turn: int) -> EncodedRequest:
        """Return a request with other rows for each turn."""
        start = turn * batch % max(1, len(self.rows) - batch + 1)
        return self.target.clients[protocol].encode(self.rows[start : start + batch])

    def _answer_bytes(self, wire: EncodedRequest) -> int | None:
        if not wire.http2:
            return None  # a REST error has a status
        if wire.body not in self._bytes:
            self._bytes[wire.body] = answer_bytes(wire, self.cpus)
        return self._bytes[wire.body]

    def _check_answers(self, when: str) -> None:
        for protocol in self.wanted.protocols:
            client = self.target.clients[protocol]
            if self.expected is None:
                self.expected = answers.ask(client, self.rows)
            answers.check(client, self.rows, self.expected, f"over {protocol} {when}")

    def _checker(self, protocol: str) -> Callable[[], None]:
        last = 0.0

        def check() -> None:
            nonlocal last
            if time.monotonic() - last >= _CHECK_EVERY_SECONDS:
                assert self.expected is not None
                client = self.target.clients[protocol]
                answers.check(client, self.rows[:1], self.expected[:1], "under load")
                last = time.monotonic()

        return check


def now() -> str:
    """Return the time: UTC, ISO 8601."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _check(promised: float, figures: Figures, batch: int, wanted: Wanted) -> Check:
    found = figures.per_second * batch
    quick = figures.p99_ms <= wanted.target_ms
    holds = analysis.agrees(found, promised) and quick and not figures.errors
    return Check(promised_rows=promised, found=figures, found_rows=found, holds=holds)


def _in_words(check: Check) -> str:
    return (
        f"{check.found_rows:,.0f} rows/s, {check.ratio:.2f} of the promised "
        f"{check.promised_rows:,.0f}; p99 {check.found.p99_ms:.1f} ms, {check.found.errors} errors"
    )


def _broken(recommendation: Recommendation, target_ms: float) -> Iterator[str]:
    for name, check in (
        ("at full rate", recommendation.full), ("at the recommended rate", recommendation.steady),
    ):  # fmt: skip
        if not check.holds:
            yield (
                f"a later test {name} does not agree: {_in_words(check)} "
                f"({target_ms:g} ms wanted, rates within {analysis.AGREEMENT:.0%})"
            )
