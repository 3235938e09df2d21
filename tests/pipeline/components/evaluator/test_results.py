"""The Evaluator's metrics as sentences."""

from __future__ import annotations

import math

import pytest
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from pipeline.components.evaluator import results
from pipeline.components.evaluator.results import OVERALL, Evaluation


def _metrics(**aucs: float) -> dict[str, dict[str, float]]:
    return {name: {"auc": auc, "example_count": 1200.0} for name, auc in aucs.items()}


@pytest.mark.parametrize(
    ("baseline", "sentence"),
    [
        (
            {},
            "first model: max_auc_drop does not apply because there is no baseline",
        ),
        (
            _metrics(overall=0.69, a=0.7, b=0.6),
            "AUC +0.0100 against the latest blessed model; better on 1 of 2 slices, "
            "most on b (+0.0500, 1,200 rows), least on a (-0.0100, 1,200 rows)",
        ),
        (
            _metrics(overall=0.7, a=0.69, b=0.65),
            "AUC +0.0000 against the latest blessed model; the same on all 2 slices",
        ),
        (_metrics(overall=0.6), "AUC +0.1000 against the latest blessed model"),
    ],
)
def test_the_comparison_states_what_is_better(
    baseline: dict[str, dict[str, float]], sentence: str
) -> None:
    candidate = _metrics(overall=0.7, a=0.69, b=0.65)
    candidate["c"] = {"auc": math.nan}
    assert Evaluation(candidate, baseline).comparison() == sentence


def test_an_interval_stays_within_what_an_auc_can_be() -> None:
    evaluation = Evaluation(_metrics(overall=0.98), {})
    assert evaluation.interval(OVERALL) == "0.9800 (1,200 rows)"
    evaluation.candidate[OVERALL]["auc_standard_error"] = 0.02  # type: ignore[index]
    assert evaluation.interval(OVERALL) == "0.9800 (95 % CI 0.9408 to 1.0000, 1,200 rows)"


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        ("city", {"bytes_value": "서울".encode()}, "city 서울"),
        ("hour", {"int64_value": 0}, "hour 0"),
        ("hour", {"float_value": 0.5}, "hour 0.5"),
        ("city", {"bytes_value": b""}, "city "),
        ("city", {"bytes_value": b"\xff"}, "city \ufffd"),
        ("stop", {"bytes_value": b"name A"}, "stop name A"),
        ("stop name", {"bytes_value": b"A"}, '"stop name" A'),
        ('a"b', {"bytes_value": b"A"}, '"a\\"b" A'),
    ],
)
def test_a_slice_is_named_by_its_column_and_value(
    column: str, value: dict[str, object], name: str
) -> None:
    key = metrics_for_slice_pb2.SliceKey()
    key.single_slice_keys.add(column=column, **value)
    assert results._slice_name(key) == name


def test_slices_without_a_bound_are_named() -> None:
    candidate = _metrics(overall=0.7, a=0.69, b=0.65, c=math.nan)
    candidate["b"]["example_count"] = 99.0
    few = Evaluation(candidate, {}, min_slice_rows=100)
    assert few.unbounded() == ["b", "c"]
    assert few.unbounded_note() == (
        "no bound applies to 2 of 3 slices, which have fewer than 100 rows or one label only: b, c"
    )
    enough = Evaluation(_metrics(overall=0.7, a=0.69), {}, min_slice_rows=100)
    assert enough.unbounded_note() == ""


@pytest.mark.parametrize(
    ("auc", "error", "hint"),
    [
        (0.5, 0.0, "every row has the same score"),
        (0.55, 0.03, "the AUC is not clearly above 0.5"),
        (0.4, 0.01, "the AUC is not clearly above 0.5"),
        (0.55, 0.02, ""),
        (math.nan, math.nan, ""),
    ],
)
def test_a_guess_gets_a_hint(auc: float, error: float, hint: str) -> None:
    evaluation = Evaluation({OVERALL: {"auc": auc, "auc_standard_error": error}}, {})
    assert evaluation.hint().startswith(hint)
    assert bool(evaluation.hint()) == bool(hint)
