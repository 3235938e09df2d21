"""The page of a benchmark for given measurements."""

from __future__ import annotations

import pytest

from scripts.bench import engines, report, targets
from scripts.bench.boosting import Month
from scripts.bench.engines import Run
from scripts.bench.measure import Cost, Measurement
from scripts.bench.targets import PLAIN, STOCK, TAXIWAY, Target


def _measurement(wall: float, peak_mb: float = 1000.0, **parts: float) -> Measurement:
    costs = {name: Cost(seconds, seconds, peak_mb) for name, seconds in parts.items()}
    return Measurement(Cost(wall, wall, peak_mb), costs, 0.7)


def _contenders(plain: float, taxiway: float, stock: float) -> dict[str, Measurement]:
    return {
        PLAIN: _measurement(plain),
        TAXIWAY: _measurement(taxiway, ExampleGen=2.0),
        STOCK: _measurement(stock, CsvExampleGen=30.0),
    }


def test_the_summary_is_the_median_with_the_maximum_of_memory() -> None:
    summary = report.median(
        [_measurement(wall, peak, Trainer=wall) for wall, peak in [(9, 100), (1, 300), (2, 200)]]
    )
    assert summary.total == Cost(2, 2, 300)
    assert summary.parts == {"Trainer": Cost(2, 2, 300)}


def test_totals_have_the_ratio_to_the_plain_script() -> None:
    lines = report.totals(_contenders(10, 25, 100), PLAIN).splitlines()
    assert [line.split("|")[5].strip() for line in lines[2:]] == ["1.0", "2.5", "10.0"]


def test_a_table_is_aligned() -> None:
    assert report.table(["name", "s"], [["a", "1.5"]]) == (
        "| name |   s |\n|------|----:|\n| a    | 1.5 |\n"
    )


def test_boosting_ends_with_the_mean() -> None:
    mean = report.boosting([Month(201304, 0.70, 0.71), Month(201305, 0.66, 0.63)]).splitlines()[-1]
    cells = [cell.strip() for cell in mean.strip("|").split("|")]
    assert cells == ["mean", "0.6800", "0.6700", "+0.0100"]


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target("s", 35, 35), True),
        (Target("s", 35, 35.001), False),
        (Target("times", 2.5, 2.5, at_least=True), True),
        (Target("times", 2.5, 2.4999, at_least=True), False),
    ],
)
def test_a_target_is_met_up_to_its_bound(target: Target, met: bool) -> None:
    assert target.met is met


def test_a_missed_target_is_marked() -> None:
    bounds = targets.size_targets("15000", _contenders(10, 30, 60))
    missed = [line for line in report.verdicts(bounds).splitlines() if "NO" in line]
    assert [target.what for target in bounds if not target.met] == ["15,000 rows: stock TFX / wall"]
    assert len(missed) == 1
    assert "at least 2.5" in missed[0]


def test_example_gen_has_a_target_on_all_flights_only() -> None:
    all_flights = targets.size_targets("all", _contenders(10, 30, 90))
    assert all_flights[-1] == Target(
        "all flights: ExampleGen, stock TFX / Taxiway", 10, 15.0, at_least=True
    )
    assert len(targets.size_targets("15000", _contenders(10, 30, 90))) == len(all_flights) - 1
    assert targets.size_targets("20000", _contenders(10, 30, 90)) == []


def _runs(**seconds: tuple[float, float]) -> list[Run]:
    return [
        Run(rows, engine, {"ExampleGen": total / 4, "Transform": total * 3 / 4})
        for engine, totals in seconds.items()
        for rows, total in zip((1_000_000, 2_000_000), totals)
    ]


def test_a_cluster_breaks_even_where_its_cost_is_that_of_one_process() -> None:
    runs = _runs(local=(12.0, 22.0), flink=(120.0, 140.0))
    local, slot = (engines.cost(runs, engine) for engine in ("local", "flink"))
    assert (local.fixed, local.per_million) == pytest.approx((2, 10))
    assert (slot.fixed, slot.per_million) == pytest.approx((100, 20))
    assert engines.break_even_rows(local, slot, 2) is None
    rows = engines.break_even_rows(local, slot, 4)
    assert rows is not None
    assert 2 + 10 * rows / 1e6 == pytest.approx(100 + 20 * rows / 1e6 / 4)


def test_engines_have_a_table_of_every_size_with_the_sum() -> None:
    runs = [
        Run(rows, engine, {"ExampleGen": 1.0, "Transform": rows / 1e6})
        for rows in (1_000_000, 2_000_000)
        for engine in (engines.LOCAL, *map(engines.on_flink, engines.SLOTS))
    ]
    section = report.engines(runs)
    assert "| 2,000,000 rows | one process, s | Flink, 1 slot, s | Flink, 2 slots, s |" in section
    assert [line.split("|")[2].strip() for line in section.splitlines() if "all four" in line] == [
        "2.0",
        "3.0",
    ]
    assert "2 slots would be faster than one process from 0.0 million rows on. 4 slots" in section
