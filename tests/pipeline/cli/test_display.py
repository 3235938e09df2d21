"""The display of a run, on a terminal and in a pipe."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pipeline.cli.display import Display
from pipeline.runs.progress import Step
from pipeline.runs.records import RunRecord

_RESULT = RunRecord(
    run_id="20130501-120000",
    began="2013-05-01T12:00:00+00:00",
    outcome="published",
    exit_code=0,
    span=201304,
    version=2,
    model_dir=Path("/w/models/flights/2"),
    metrics={"auc": 0.71234, "example_count": 27662.0},
    baseline={"auc": 0.69},
    log_file=Path("/w/logs/run.log"),
    seconds=61.04,
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Rich obeys these even in a pipe.
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def _piped(*steps: Step) -> list[str]:
    stream = io.StringIO()
    display = Display(stream)
    for step in steps:
        display.started(step.name)
        display.finished(step)
    return stream.getvalue().splitlines()


def test_a_pipe_gets_one_plain_line_a_step() -> None:
    assert _piped(
        Step("ExampleGen", "done", 1.26, "rows train 80,163, eval 27,662"),
        Step("Transform", "cached", 0.1),
        Step("Tuner", "interrupted", 2.0),
        Step("Trainer", "failed", 12.0, "[no markup]"),
    ) == [
        "✓ ExampleGen            1.3 s  rows train 80,163, eval 27,662",
        "○ Transform            cached",
        "✗ Tuner                 2.0 s",
        "✗ Trainer              12.0 s  [no markup]",
    ]


def test_a_long_decision_stays_on_one_line() -> None:
    assert len(_piped(Step("Evaluator", "done", 1.0, "slice " * 50))) == 1


def test_the_summary_says_what_was_published_and_where() -> None:
    stream = io.StringIO()
    Display(stream).summary(_RESULT, "taxiway run --span 201304 --tune")
    text = stream.getvalue()
    assert "/w/models/flights/2 is blessed and published as version 2" in text
    assert "auc                  0.7123  (baseline: 0.69)" in text
    assert "example_count        27,662\n" in text
    assert "61.0 s" in text
    assert "/w/logs/run.log" in text
    assert "Next   taxiway run --span 201304 --tune   (without changes, every step" in text
    assert "\x1b" not in text


_ON_TERMINAL = """
    import sys, warnings
    from pathlib import Path
    from pipeline.cli.display import Display
    from pipeline.runs.progress import Step
    from pipeline.cli.terminal import library_output_to

    with library_output_to(Path(sys.argv[1])) as terminal:
        display = Display(terminal)
        display.started("Trainer")
        print("library print")
        warnings.warn("library warning")
        display.finished(Step("Trainer", "done", 3.0, "AUC 0.71"))
"""


def _on_terminal(log: Path, environment: dict[str, str]) -> str:
    """Return what a program writes to a terminal of its own."""
    leader, follower = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_ON_TERMINAL), log],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )
    os.close(follower)
    seen = b""
    try:
        while part := os.read(leader, 4096):
            seen += part
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(leader)
    assert program.wait() == 0
    return seen.decode()


def test_a_terminal_shows_a_spinner_and_no_library_output(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    seen = _on_terminal(log, {})
    assert "0:00:00" in seen  # the running step's clock
    assert "\x1b[32m✓ \x1b[0mTrainer" in seen
    assert seen.endswith("AUC 0.71\r\n")
    assert "\x1b[?25h" in seen  # the cursor is back
    assert "library" not in seen
    assert "library print" in log.read_text()
    assert "library warning" in log.read_text()


def test_no_color_is_honoured(tmp_path: Path) -> None:
    seen = _on_terminal(tmp_path / "run.log", {"NO_COLOR": "1"})
    assert "✓" in seen
    assert "\x1b[32m" not in seen
