"""Where the newer TFX line cannot be tried, that is said, and is no failure."""

from __future__ import annotations

import subprocess

from tests.conftest import PROJECT


def test_a_machine_without_debootstrap_is_told_so() -> None:
    # Debian keeps it with what only root runs.
    done = subprocess.run(
        [PROJECT / "scripts" / "lines" / "trixie.sh"],
        env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Skipped: the newer TFX line was not tried, because ")
