"""The data that a run's data is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.components.data_gate.decision import GateDecision
from pipeline.components.resolvers.last_accepted import DATA, DECISIONS, LastAcceptedStrategy


def _decision(
    folder: Path, number: int, span: int, data: str = "", passed: int = 1
) -> GateDecision:
    decision = GateDecision()
    decision.id = number
    decision.uri = str(folder / str(number))
    Path(decision.uri).mkdir()
    decision.span, decision.passed = span, passed
    if data:
        decision.set_string_custom_property(DATA, data)
    return decision


def _resolved(strategy: LastAcceptedStrategy, decisions: list[GateDecision]) -> list[int]:
    resolved = strategy.resolve_artifacts(None, {DECISIONS: decisions})
    assert resolved is not None
    return [decision.id for decision in resolved[DECISIONS]]


def test_spans_are_compared_with_the_newest_earlier_one_that_passed(tmp_path: Path) -> None:
    spans = [(1, 1), (2, 3), (3, 2), (4, 4)]
    decisions = [_decision(tmp_path, number, span) for number, span in spans]
    decisions.append(_decision(tmp_path, 5, 3, passed=0))
    assert _resolved(LastAcceptedStrategy(span=4), decisions) == [2]
    assert _resolved(LastAcceptedStrategy(span=1), decisions) == []


@pytest.mark.parametrize(
    ("data", "expected"), [("a", [2]), ("b", [3]), ("new", [3])], ids=["first", "second", "new"]
)
def test_data_without_a_time_is_compared_with_the_newest_other_data(
    tmp_path: Path, data: str, expected: list[int]
) -> None:
    decisions = [
        _decision(tmp_path, 1, 1, "a"),
        _decision(tmp_path, 2, 1, "b"),
        _decision(tmp_path, 3, 1, "a"),
        _decision(tmp_path, 4, 1, "c", passed=0),
    ]
    assert _resolved(LastAcceptedStrategy(span=1, data=data), decisions) == expected


def test_repeated_data_is_not_compared_with_itself(tmp_path: Path) -> None:
    assert _resolved(LastAcceptedStrategy(1, "a"), [_decision(tmp_path, 1, 1, "a")]) == []


def test_spans_by_time_are_not_compared_with_data_without_a_time(tmp_path: Path) -> None:
    decisions = [_decision(tmp_path, 1, 1, "a"), _decision(tmp_path, 2, 201304)]
    assert _resolved(LastAcceptedStrategy(span=201305), decisions) == [2]
    assert _resolved(LastAcceptedStrategy(span=1, data="b"), decisions) == [1]
