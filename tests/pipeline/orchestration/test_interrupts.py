"""What interrupts a run, and what does not."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from pipeline.orchestration.interrupts import deferred_interrupts

_RUN = """
import signal, sys, time
from pipeline.orchestration.interrupts import deferred_interrupts
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[1] == "nohup" else signal.SIG_DFL)
try:
    with deferred_interrupts():
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


def test_an_interruption_that_native_code_made_another_error_of_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt), deferred_interrupts() as kept, kept():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as interruption:
            raise SystemError("returned a result with an exception set") from interruption


def test_an_interruption_that_native_code_dropped_is_not_lost() -> None:
    interrupted = pytest.raises(KeyboardInterrupt)
    with interrupted, deferred_interrupts() as kept, kept(), suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(SystemError), deferred_interrupts() as kept, kept():
        raise SystemError("no interruption")
