"""Requests as fast as a server answers them, by h2load."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_OK = "200"


@dataclass(frozen=True)
class Load:
    """How a server held up.

    Args:
      per_second: requests that were answered.
      p50_ms: what half of them took at most.
      p99_ms: what 99 of 100 took at most.
    """

    per_second: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Target:
    """Where requests go.

    Args:
      url: of REST, or of a gRPC method.
      body: file with what is sent.
      headers: such as `te: trailers`.
      http1: over HTTP/1.1; else over HTTP/2.
    """

    url: str
    body: Path
    headers: tuple[str, ...]
    http1: bool


def drive(target: Target, concurrency: int, seconds: int) -> Load:
    """Send requests, each connection the next one as soon as the last is answered.

    Args:
      target: where to.
      concurrency: connections.
      seconds: that are measured, after a fifth of that to get warm.

    Returns:
      What was measured.

    Raises:
      RuntimeError: h2load is missing, or a request failed.
    """
    program = shutil.which("h2load")
    if program is None:
        raise RuntimeError("h2load is missing: apt-get install nghttp2-client")
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "requests"
        command = [
            program, f"--clients={concurrency}", "--max-concurrent-streams=1", "--threads=1",
            f"--data={target.body}", f"--log-file={log}", *(["--h1"] if target.http1 else []),
            *(f"--header={header}" for header in target.headers),
            f"--duration={seconds}", f"--warm-up-time={max(1, seconds // 5)}", target.url,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not log.exists():
            raise RuntimeError(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")
        return _of([line.split() for line in log.read_text().splitlines()], seconds)


def median(loads: Sequence[Load]) -> Load:
    """Return what is usual: the median of each figure."""
    return Load(
        *(
            statistics.median(getattr(load, name) for load in loads)
            for name in ("per_second", "p50_ms", "p99_ms")
        )
    )


def _of(lines: Sequence[Sequence[str]], seconds: int) -> Load:
    """Sum up a log whose lines are microseconds of the start, status and microseconds it took."""
    failed = [line for line in lines if line[1] != _OK]
    if failed or not lines:
        raise RuntimeError(f"{len(failed)} of {len(lines)} requests failed")
    taken = sorted(int(line[2]) / 1e3 for line in lines)
    return Load(
        len(lines) / seconds,
        taken[len(taken) // 2],
        taken[min(len(taken) - 1, int(len(taken) * 0.99))],
    )
