"""What a person sees."""

import io
from pathlib import Path

from pipeline.display import Display
from pipeline.progress import RunResult, Step


def test_each_step_is_one_plain_line_in_a_pipe() -> None:
    stream = io.StringIO()
    display = Display(stream)
    for step in (
        Step("Trainer", "done", 12.34, "3 epochs"),
        Step("Transform", "cached", 0.0),
        Step("Evaluator", "failed", 1.0),
    ):
        display.started(step.name)
        display.finished(step)
    assert stream.getvalue().splitlines() == [
        "✓ Trainer              12.3 s  3 epochs",
        "○ Transform            cached",
        "✗ Evaluator             1.0 s",
    ]


def test_the_summary_says_where_the_model_is_and_what_it_was_compared_with() -> None:
    stream = io.StringIO()
    result = RunResult(
        run_id="r", span=201312, blessed=True, version=2, model_dir=Path("/w/models/flights/2"),
        metrics={"auc": 0.7, "recall": 0.5}, baseline={"auc": 0.69}, log_file=Path("/w/r.log"),
    )  # fmt: skip
    Display(stream).summary(result)
    text = stream.getvalue()
    assert "/w/models/flights/2 is blessed and published as version 2" in text
    assert "auc                  0.7  (blessed before: 0.69)" in text
    assert "Log    /w/r.log" in text
