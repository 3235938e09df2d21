"""The id of a run."""

from __future__ import annotations

import os
import subprocess
import sys

_PRINT = "from pipeline.local.runner import new_run_id; print(new_run_id())"


def _run_id(time_zone: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", _PRINT],
        env=os.environ | {"TZ": time_zone}, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip


def test_ids_sort_by_time_whatever_the_time_zone() -> None:
    """A local time east of Greenwich would put an earlier run after a later one."""
    earlier, later = _run_id("Asia/Seoul"), _run_id("UTC")
    assert earlier < later < _run_id("America/Los_Angeles")
