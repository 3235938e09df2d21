"""Comparing the runs of both TFX lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.runs import records
from pipeline.runs.records import RunRecord
from scripts.lines import compare


def _run(span: int | None, began: str = "12:00:00", **changes: object) -> RunRecord:
    base = RunRecord(
        run_id="20130501-120000",
        began=f"2013-05-01T{began}+00:00",
        seconds=20.0,
        outcome="published",
        exit_code=0,
        span=span,
        metrics={"auc": 0.63, "calibration": 1.1, "recall": 0.5},
    )
    return base.model_copy(update=changes)


_RUNS = (_run(201302), _run(201302), _run(201303))


def test_the_same_runs_do_not_differ() -> None:
    assert list(compare.run_differences(_RUNS, _RUNS)) == []


@pytest.mark.parametrize("other", [_RUNS[:2], (), (*_RUNS, _run(201304)), _RUNS[::-1]])
def test_a_run_of_one_line_only_is_a_difference(other: tuple[RunRecord, ...]) -> None:
    [difference] = compare.run_differences(_RUNS, other)
    assert difference.startswith("runs of spans [201302, 201302, 201303], [")
    assert len(list(compare.run_differences(other, _RUNS))) == 1


def test_two_lines_without_runs_differ() -> None:
    assert list(compare.run_differences((), ())) == ["runs of spans [], []"]


def test_another_outcome_is_a_difference() -> None:
    assert list(compare.run_differences([_run(201302)], [_run(201302, outcome="not blessed")])) == [
        "span 201302: published, not blessed"
    ]


@pytest.mark.parametrize(
    ("metrics", "differences"),
    [
        ({"auc": 0.635, "calibration": 1.105}, []),
        ({"auc": 0.60, "calibration": 1.1}, ["span 201302: auc by 0.0300"]),
        ({"auc": 0.63}, ["span 201302: calibration by nan"]),
        ({"auc": None, "calibration": 1.1}, ["span 201302: auc by nan"]),
    ],
)
def test_a_metric_outside_the_tolerance_is_a_difference(
    metrics: dict[str, float | None], differences: list[str]
) -> None:
    assert (
        list(compare.run_differences([_run(201302)], [_run(201302, metrics=metrics)]))
        == differences
    )


def test_a_metric_that_neither_line_has_is_a_difference() -> None:
    without = _run(201302, metrics={"calibration": 1.1})
    assert list(compare.run_differences([without], [without])) == ["span 201302: auc by nan"]


def _continued(workspace: Path, *runs: RunRecord) -> int:
    for number, run in enumerate(runs):
        # In another time zone, the newest run can have the lowest id.
        run_id = f"20130501-{10 - number:02}0000"
        records.write(workspace / "runs", run.model_copy(update={"run_id": run_id}))
    return compare.main(["--continued", str(workspace), "201304"])


_BASELINE = {"auc": 0.62}


@pytest.mark.parametrize("outcome", ["published", "not blessed"])
def test_a_run_with_a_baseline_has_continued(
    outcome: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    continued = _run(201304, "12:02:00", outcome=outcome, baseline=_BASELINE)
    assert _continued(tmp_path, _run(201303, "12:01:00", baseline=_BASELINE), continued) == 0
    assert f"span 201304: {outcome}, AUC 0.6300, baseline 0.6200" in capsys.readouterr().out


@pytest.mark.parametrize("span", [201303, None])
def test_a_run_of_another_span_does_not_count(
    span: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _continued(tmp_path, _run(span, baseline=_BASELINE)) == 1
    assert "Differs: no run of span 201304 is recorded" in capsys.readouterr().out


def test_a_failed_run_is_reported_with_its_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = _run(201304, outcome="failed", error="No such column.", baseline=_BASELINE)
    assert _continued(tmp_path, failed) == 1
    assert "failed: No such column." in capsys.readouterr().out


def test_a_run_without_a_baseline_is_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _continued(tmp_path, _run(201304)) == 1
    assert "Differs: the run had no baseline" in capsys.readouterr().out


def test_the_newest_run_of_a_span_counts_with_any_id(tmp_path: Path) -> None:
    older = _run(201304, "12:01:00", baseline=_BASELINE)
    assert _continued(tmp_path, older, _run(201304, "12:02:00", outcome="failed")) == 1
