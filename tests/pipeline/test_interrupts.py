"""What interrupts a run, and what does not."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_RUN = """
import signal, sys, time
from pipeline import interrupts
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[1] == "nohup" else signal.SIG_DFL)
try:
    with interrupts.remembered():
        print("runs", flush=True)
        signal.sigtimedwait([], 1 if sys.argv[1] == "nohup" else 60)
    print("done")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("how", "sent", "said"),
    [
        ("in a terminal", signal.SIGINT, "interrupted"),
        ("in a terminal", signal.SIGTERM, "interrupted"),
        ("in a terminal", signal.SIGHUP, "interrupted"),
        ("nohup", signal.SIGHUP, "done"),
    ],
)
def test_what_ends_a_run_is_an_interruption(how: str, sent: signal.Signals, said: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _RUN, how], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "runs\n"
        run.send_signal(sent)
        assert run.stdout.read() == f"{said}\n"
