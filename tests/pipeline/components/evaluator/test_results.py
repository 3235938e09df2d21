"""What the Evaluator measured, in words."""

from __future__ import annotations

import math

import pytest

from pipeline.components.evaluator.results import OVERALL, Evaluation


def _of(**aucs: float) -> dict[str, dict[str, float]]:
    return {name: {"auc": auc, "example_count": 1200.0} for name, auc in aucs.items()}


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        (
            {},
            "first model: only value bounds could be checked, there is none to compare with",
        ),
        (
            _of(overall=0.69, a=0.7, b=0.6),
            "AUC +0.0100 against the latest blessed model; better on 1 of 2 slices, "
            "most on b (+0.0500, 1,200 rows), least on a (-0.0100, 1,200 rows)",
        ),
        (
            _of(overall=0.7, a=0.69, b=0.65),
            "AUC +0.0000 against the latest blessed model; the same on each of 2 slices",
        ),
        (_of(overall=0.6), "AUC +0.1000 against the latest blessed model"),
    ],
)
def test_what_is_better_is_said(baseline: dict[str, dict[str, float]], words: str) -> None:
    candidate = _of(overall=0.7, a=0.69, b=0.65)
    candidate["c"] = {"auc": math.nan}
    assert Evaluation(candidate, baseline).comparison() == words


def test_an_interval_stays_within_what_an_auc_can_be() -> None:
    measured = Evaluation(_of(overall=0.98), {})
    assert measured.interval(OVERALL) == "0.9800 (1,200 rows)"
    measured.candidate[OVERALL]["auc_standard_error"] = 0.02  # type: ignore[index]
    assert measured.interval(OVERALL) == "0.9800 (95 % interval 0.9408 to 1.0000, 1,200 rows)"
