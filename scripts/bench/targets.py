"""What Taxiway promises about its speed, and whether a measurement keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.bench.measure import Measurement
from scripts.bench.serving import BATCHES, FASTAPI, GRPC, REST, Serving

PLAIN, TAXIWAY, STOCK = "plain script", "Taxiway", "stock TFX"

_MIN_SPEED_UP = 2.5
_MIN_EXAMPLE_GEN_SPEED_UP = 10
_MAX_PEAK_GB = 1.4
_MAX_HELP_SECONDS = 0.3
_MAX_CACHED_SECONDS = 15
_MIN_SERVING_SPEED_UP = 2
_MAX_READY_SECONDS = 6
_GB_PER_MB = 2**20 / 1e9


@dataclass(frozen=True)
class Target:
    """A bound and what was measured.

    Args:
      what: is bounded, with its unit.
      bound: the value it must not pass.
      measured: its value.
      at_least: whether the bound is the lowest good value; else it is the highest.
    """

    what: str
    bound: float
    measured: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the measured value, not the printed one, keeps the bound."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


# By size: wall seconds of Taxiway, and how many times the plain script's that may be.
_BOUNDS = {"15000": (35, 5.5), "all": (90, 8)}


def of_size(size: str, contenders: Mapping[str, Measurement]) -> list[Target]:
    """Compare whole runs of one size with what is promised for it.

    Args:
      size: as it is chosen on the command line.
      contenders: the measurement of each, by name.

    Returns:
      The targets; none for a size without a promise.
    """
    if size not in _BOUNDS:
        return []
    plain, taxiway, stock = (contenders[name].total for name in (PLAIN, TAXIWAY, STOCK))
    seconds, times = _BOUNDS[size]
    rows = "all flights" if size == "all" else f"{int(size):,} rows"
    targets = [
        Target(f"{rows}: wall s", seconds, taxiway.wall),
        Target(f"{rows}: wall / plain script", times, taxiway.wall / plain.wall),
        Target(f"{rows}: stock TFX / wall", _MIN_SPEED_UP, stock.wall / taxiway.wall, True),
        Target(f"{rows}: peak GB", _MAX_PEAK_GB, taxiway.peak_mb * _GB_PER_MB),
    ]
    if size == "all":
        speed_up = example_gen_speed_up(contenders)
        targets.append(
            Target(f"{rows}: ExampleGen, stock / ours", _MIN_EXAMPLE_GEN_SPEED_UP, speed_up, True)
        )
    return targets


def example_gen_speed_up(contenders: Mapping[str, Measurement]) -> float:
    """Return how many times as fast as the stock ExampleGen Taxiway's is."""
    stock = contenders[STOCK].parts["CsvExampleGen"].wall
    return stock / contenders[TAXIWAY].parts["ExampleGen"].wall


def of_serving(found: Serving) -> list[Target]:
    """Compare the model server with the endpoint that people write by hand."""
    targets = [
        Target("`taxiway serve`: s until it answers", _MAX_READY_SECONDS, found.ready_seconds)
    ]
    for batch in BATCHES:
        by_hand = found.loads[FASTAPI, batch]
        for name in (REST, GRPC):
            ours = found.loads[name, batch]
            what = f"{name}, {batch} {'row' if batch == 1 else 'rows'} a request"
            ratio = ours.per_second / by_hand.per_second
            targets += [
                Target(f"{what}: requests / {FASTAPI}'s", _MIN_SERVING_SPEED_UP, ratio, True),
                Target(f"{what}: p99 / {FASTAPI}'s", 1, ours.p99_ms / by_hand.p99_ms),
            ]
    return targets


def of_commands(help_seconds: float, cached_seconds: float) -> list[Target]:
    """Compare the two commands that should not keep anyone waiting with what is promised."""
    return [
        Target("`taxiway --help`: wall s", _MAX_HELP_SECONDS, help_seconds),
        Target("`taxiway run`, all cached: wall s", _MAX_CACHED_SECONDS, cached_seconds),
    ]
