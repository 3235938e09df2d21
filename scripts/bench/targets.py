"""Compare measurements with Taxiway's performance targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.bench.history import History
from scripts.bench.measure import Measurement
from scripts.bench.serving import BATCHES, FASTAPI, GRPC, REST, Serving

PLAIN, TAXIWAY, STOCK = "plain script", "Taxiway", "stock TFX"

_MIN_SPEED_UP = 2.5
_MIN_EXAMPLE_GEN_SPEED_UP = 10
_MAX_PEAK_GB = 1.4
_MAX_HELP_SECONDS = 0.3
_MAX_CACHED_SECONDS = 15
_MAX_LIST_SECONDS = 1
_MAX_LATER_START_SECONDS = 2
_MIN_SERVING_SPEED_UP = 2
_MAX_READY_SECONDS = 6
_GB_PER_MB = 2**20 / 1e9


@dataclass(frozen=True)
class Target:
    """A bound and the measured value.

    Args:
      what: name of the measured quantity, with its unit.
      bound: maximum or minimum of the value.
      measured: measured value.
      at_least: whether the bound is a minimum; default a maximum.
    """

    what: str
    bound: float
    measured: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the measured value meets the bound; the rounded value is not used."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


# By size: maximum wall seconds of Taxiway, and maximum ratio to those of the plain script.
_BOUNDS = {"15000": (35, 5.5), "all": (90, 8)}


def size_targets(size: str, contenders: Mapping[str, Measurement]) -> list[Target]:
    """Compare whole runs of one size with the targets for it.

    Args:
      size: number of rows as on the command line, or `all`.
      contenders: measurements by name.

    Returns:
      The targets; empty for a size without targets.
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
            Target(
                f"{rows}: ExampleGen, stock TFX / Taxiway",
                _MIN_EXAMPLE_GEN_SPEED_UP,
                speed_up,
                True,
            )
        )
    return targets


def example_gen_speed_up(contenders: Mapping[str, Measurement]) -> float:
    """Return the wall time of the stock ExampleGen divided by that of Taxiway's.

    Args:
      contenders: measurements by name.
    """
    stock = contenders[STOCK].parts["CsvExampleGen"].wall
    return stock / contenders[TAXIWAY].parts["ExampleGen"].wall


def serving_targets(result: Serving) -> list[Target]:
    """Compare the model server with a handwritten endpoint.

    Args:
      result: measurements of all servers.
    """
    targets = [
        Target("`taxiway serve`: s until it answers", _MAX_READY_SECONDS, result.ready_seconds)
    ]
    for batch in BATCHES:
        fastapi = result.loads[FASTAPI, batch]
        for name in (REST, GRPC):
            load = result.loads[name, batch]
            what = f"{name}, {batch} {'row' if batch == 1 else 'rows'} a request"
            ratio = load.per_second / fastapi.per_second
            targets += [
                Target(f"{what}: requests / {FASTAPI}'s", _MIN_SERVING_SPEED_UP, ratio, True),
                Target(f"{what}: p99 / {FASTAPI}'s", 1, load.p99_ms / fastapi.p99_ms),
            ]
    return targets


def history_targets(result: History) -> list[Target]:
    """Compare the times in a workspace with a long history with the targets.

    Args:
      result: measurements in that workspace.

    Returns:
      The targets.
    """
    short, long = result.start_seconds
    runs = f"{result.runs:,} runs"
    return [
        Target(f"{runs}: `taxiway registry list` s", _MAX_LIST_SECONDS, result.list_seconds),
        Target(f"{runs}: a run's start, more s", _MAX_LATER_START_SECONDS, long - short),
    ]


def command_targets(help_seconds: float, cached_seconds: float) -> list[Target]:
    """Compare two commands with the targets for them.

    Args:
      help_seconds: wall seconds of `taxiway --help`.
      cached_seconds: wall seconds of a run whose nodes are all cached.
    """
    return [
        Target("`taxiway --help`: wall s", _MAX_HELP_SECONDS, help_seconds),
        Target("`taxiway run`, all cached: wall s", _MAX_CACHED_SECONDS, cached_seconds),
    ]
