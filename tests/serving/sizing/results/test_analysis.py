"""Conclusions from recorded figures."""

from __future__ import annotations

import pytest

from serving.sizing.results import analysis
from serving.sizing.results.result import Memory
from tests.serving.sizing.measured import cell, figures


def test_the_best_cell_answers_the_most_rows_within_the_target() -> None:
    slow = cell(rates=(100.0,) * 3, batch=32, p99s=(40.0, 45.0, 60.0))
    single, eight = cell(), cell(rates=(500.0,) * 3, batch=8)
    assert analysis.best([single, eight, slow], target_ms=50) == eight
    # Batches of 32 are not faster than their slowest repeat allows.
    faster = cell(rates=(400.0,) * 3, batch=32, p99s=(40.0, 45.0, 60.0))
    assert analysis.best([single, eight, faster], target_ms=50) == eight
    assert analysis.best([single, eight, faster], target_ms=60) == faster


def test_of_cells_that_are_as_fast_the_quicker_to_answer_is_better() -> None:
    few = cell(rates=(960.0,) * 3, p99s=(8.0,) * 3)
    many = cell(rates=(1000.0,) * 3, p99s=(45.0,) * 3, concurrency=16)
    assert analysis.best([few, many], 50) == few
    much_faster = cell(rates=(1020.0,) * 3, p99s=(45.0,) * 3, concurrency=16)
    assert analysis.best([few, much_faster], 50) == much_faster


def test_a_cell_with_errors_is_never_the_best() -> None:
    assert analysis.best([cell(errors=1)], 50) is None


def test_nothing_is_recommended_when_the_repeats_lie_too_far_apart() -> None:
    near = cell(rates=(930.0, 1000.0, 1080.0))
    assert near.spread == pytest.approx(0.15)
    assert analysis.refusals([near], 50) == []
    far = cell(rates=(930.0, 1000.0, 1081.0))
    assert analysis.refusals([far], 50) == [
        "grpc, batch 1, concurrency 4: the spread of the repeats is 15%; the maximum is 15%"
    ]
    # Of a cell that would not be recommended, it does not matter.
    assert analysis.refusals([cell(rates=(5.0, 10.0, 20.0)), cell(batch=8)], 50) == []


def test_a_target_that_nothing_meets_is_answered_with_the_quickest() -> None:
    [reason] = analysis.refusals([cell(), cell(batch=8, p99s=(10.0, 11.0, 12.5))], target_ms=10)
    assert reason == (
        "no cell keeps p99 within 10 ms; the quickest is grpc, batch 8, concurrency 4, with 12.5 ms"
    )


def test_a_failed_request_anywhere_is_a_refusal() -> None:
    cells = [cell(), cell(protocol="rest", errors=2)]
    assert analysis.refusals(cells, 50) == [
        "rest, batch 1, concurrency 4: 6 requests failed",
    ]


@pytest.mark.parametrize(
    ("required", "rate", "needed"),
    [(1, 700, 1), (700, 700, 1), (701, 700, 2), (2100.0, 0.7 * 1000, 3), (20_000, 4200, 5)],
)
def test_replicas_answer_the_required_rate_and_no_more(
    required: float, rate: float, needed: int
) -> None:
    assert analysis.replicas(required, rate) == needed


def test_there_are_two_replicas_at_least_and_room_for_twice_as_much() -> None:
    assert analysis.scale(1) == (2, 4)
    assert analysis.scale(5) == (5, 10)


def test_requests_are_rounded_up() -> None:
    assert [analysis.cpu_request(cpus) for cpus in (0.01, 0.7, 0.701, 3.5)] == [50, 700, 750, 3500]
    # 700 MiB with two versions, 60 for the one before, a fifth: 912, and the next 64.
    memory = Memory(loaded=600 << 20, driven=640 << 20, swap=700 << 20)
    assert analysis.memory_limit(memory) == 960


def test_the_autoscaler_aims_at_the_use_that_was_measured_at_the_recommended_rate() -> None:
    assert analysis.utilization(figures(525.0, cpu_ms=1.0), cpus=0.75) == 70
    assert analysis.utilization(figures(900.0, cpu_ms=1.0), cpus=0.75) == 120


def test_a_later_test_may_differ_by_15_percent() -> None:
    rates = [850.0, 1150.0, 849.0, 1151.0]
    assert [analysis.agrees(rate, 1000.0) for rate in rates] == [True, True, False, False]
