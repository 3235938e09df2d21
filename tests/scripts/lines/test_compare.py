"""Both TFX lines agree only when the same runs came to the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.runs import records
from pipeline.runs.records import RunRecord
from scripts.lines import compare


def _run(span: int | None, began: str = "12:00:00", **known: object) -> RunRecord:
    base = RunRecord(
        run_id="20130501-120000",
        began=f"2013-05-01T{began}+00:00",
        seconds=20.0,
        outcome="published",
        exit_code=0,
        span=span,
        metrics={"auc": 0.63, "calibration": 1.1, "recall": 0.5},
    )
    return base.model_copy(update=known)


_RUNS = (_run(201302), _run(201302), _run(201303))


def test_the_same_runs_do_not_differ() -> None:
    assert list(compare.of_runs(_RUNS, _RUNS)) == []


@pytest.mark.parametrize("theirs", [_RUNS[:2], (), (*_RUNS, _run(201304)), _RUNS[::-1]])
def test_a_run_of_one_line_only_is_a_difference(theirs: tuple[RunRecord, ...]) -> None:
    [said] = compare.of_runs(_RUNS, theirs)
    assert said.startswith("runs of spans [201302, 201302, 201303], [")
    assert len(list(compare.of_runs(theirs, _RUNS))) == 1


def test_no_runs_at_all_are_no_agreement() -> None:
    assert list(compare.of_runs((), ())) == ["runs of spans [], []"]


def test_outcomes_are_the_same_or_differ() -> None:
    assert list(compare.of_runs([_run(201302)], [_run(201302, outcome="not blessed")])) == [
        "span 201302: published, not blessed"
    ]


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"auc": 0.635, "calibration": 1.105}, []),
        ({"auc": 0.60, "calibration": 1.1}, ["span 201302: auc by 0.0300"]),
        ({"auc": 0.63}, ["span 201302: calibration by nan"]),
        ({"auc": None, "calibration": 1.1}, ["span 201302: auc by nan"]),
    ],
)
def test_metrics_are_near_or_differ(metrics: dict[str, float | None], said: list[str]) -> None:
    assert list(compare.of_runs([_run(201302)], [_run(201302, metrics=metrics)])) == said


def test_a_metric_that_neither_line_has_is_no_agreement() -> None:
    without = _run(201302, metrics={"calibration": 1.1})
    assert list(compare.of_runs([without], [without])) == ["span 201302: auc by nan"]


def _continued(workspace: Path, *runs: RunRecord) -> int:
    for number, run in enumerate(runs):
        # The newest has the lowest id, as in another time zone.
        run_id = f"20130501-{10 - number:02}0000"
        records.write(workspace / "runs", run.model_copy(update={"run_id": run_id}))
    return compare.main(["--continued", str(workspace), "201304"])


_BASELINE = {"auc": 0.62}


@pytest.mark.parametrize("outcome", ["published", "not blessed"])
def test_a_run_that_found_the_baseline_went_on(
    outcome: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    went_on = _run(201304, "12:02:00", outcome=outcome, baseline=_BASELINE)
    assert _continued(tmp_path, _run(201303, "12:01:00", baseline=_BASELINE), went_on) == 0
    assert f"span 201304: {outcome}, AUC 0.6300, baseline 0.6200" in capsys.readouterr().out


@pytest.mark.parametrize("span", [201303, None])
def test_a_run_of_another_span_is_not_taken_for_it(
    span: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _continued(tmp_path, _run(span, baseline=_BASELINE)) == 1
    assert "Differs: no run of span 201304 is recorded" in capsys.readouterr().out


def test_a_run_that_failed_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = _run(201304, outcome="failed", error="No such column.", baseline=_BASELINE)
    assert _continued(tmp_path, failed) == 1
    assert "failed: No such column." in capsys.readouterr().out


def test_a_run_without_a_baseline_did_not_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _continued(tmp_path, _run(201304)) == 1
    assert "Differs: no baseline was found" in capsys.readouterr().out


def test_the_newest_of_a_span_counts_whatever_its_id(tmp_path: Path) -> None:
    older = _run(201304, "12:01:00", baseline=_BASELINE)
    assert _continued(tmp_path, older, _run(201304, "12:02:00", outcome="failed")) == 1
