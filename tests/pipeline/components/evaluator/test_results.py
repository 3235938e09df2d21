"""The Evaluator's metrics as sentences."""

from __future__ import annotations

import math

import pytest

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
