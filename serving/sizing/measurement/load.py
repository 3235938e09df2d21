"""Load from h2load, which is part of nghttp2.

It drives both protocols faster than a model server can answer, and logs every request. It does not
detect gRPC's errors, because their HTTP status is 200. But an error has no body, and all answers to
one request have the same length, so missing bytes show the number of errors.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serving.client.transport import EncodedRequest
from serving.sizing.errors import NotServed, ToolMissing
from serving.sizing.measurement import machine

_TOOL = "h2load"
_SILENCE = "10s"
# Seconds that a load may take beyond its expected time.
_GRACE_SECONDS = 60.0
_CLIENTS = 1000

# For a steady load: the longest time between the starts of two clients in milliseconds, the largest
# relative deviation from the rate, and the limits of the time between two requests of a client.
_APART = 50
_NEAR = 0.005
_SHORTEST, _LONGEST = 0.02, 0.2
_REQUESTS = re.compile(r"^requests: (\d+) total, .*? (\d+) succeeded", re.M)
_TRAFFIC = re.compile(r"^traffic: .*\((\d+)\) data$", re.M)


@dataclass(frozen=True)
class Load:
    """The requests to send.

    Args:
      encoded: request that is sent repeatedly.
      requests: number of requests.
      clients: number of clients; every client waits for its answer before its next request.
      rate: requests per second that become due, answered or not; default: as many as possible.
      apart: milliseconds between the starts of two clients; default 0: all start at once.
      answer_bytes: length of a correct answer; default: only the status is checked.
    """

    encoded: EncodedRequest
    requests: int
    clients: int
    rate: float | None = None
    apart: int = 0
    answer_bytes: int | None = None

    @property
    def ramp(self) -> float:
        """Seconds until all clients have started."""
        return self.clients * self.apart / 1e3


@dataclass(frozen=True)
class LoadResult:
    """The outcome of a load.

    Args:
      requests: number of requests that were sent.
      errors: number of requests that failed.
      data_bytes: total length of the answers' bodies.
      began: start time of the answered requests, in seconds; in no order.
      took: duration of the answered requests, in seconds.
    """

    requests: int
    errors: int
    data_bytes: int
    began: npt.NDArray[np.float64]
    took: npt.NDArray[np.float64]


def steady(
    encoded: EncodedRequest, rate: float, seconds: float, patience: float, answer_bytes: int | None
) -> Load:
    """Return a load whose requests become due at a fixed rate, spread evenly.

    h2load's clients check the clock every 10 ms at best, and then send all requests that are due.
    Many slow clients that start one after another keep the requests apart. They start `apart`
    milliseconds after each other, and `due` requests become due in that time. The number of clients
    has no factor in common with `due`, so no two clients ever send at the same time.

    Args:
      encoded: request to send.
      rate: requests per second; h2load's whole milliseconds change it by about 1 %.
      seconds: duration, without the time in which clients start and end.
      patience: seconds that an answer may take before the next request has to wait.
      answer_bytes: length of a correct answer; None: only the status is checked.
    """
    apart = min(range(1, max(_APART, math.ceil(1e3 / rate)) + 1), key=lambda ms: _off(ms, rate))
    due = max(1, round(apart * rate / 1e3))
    rate = due * 1e3 / apart
    between = min(max(patience, _SHORTEST), _LONGEST)
    clients = min(_CLIENTS, max(1, math.ceil(rate * between)))
    while math.gcd(clients, due) > 1:
        clients += 1
    ramp = clients * apart / 1e3
    requests = max(2 * clients, round(rate * (seconds + ramp)))
    return Load(encoded, requests, clients, rate, apart, answer_bytes)


def _off(apart: int, rate: float) -> float:
    """Return the relative deviation from the rate that a number of milliseconds causes."""
    due = round(apart * rate / 1e3)
    off = abs(due * 1e3 / apart / rate - 1)
    # Small deviations count as none, so that the shortest time with one is chosen.
    return off if off > _NEAR else 0.0


class Running:
    """A load that is being sent.

    Args:
      load: requests to send.
      cpus: CPUs of the load generator.
      seconds: expected duration.

    Raises:
      ToolMissing: h2load is not installed.
    """

    def __init__(self, load: Load, cpus: Sequence[int], seconds: float) -> None:
        require_tool()
        self._load = load
        self._seconds = seconds + _GRACE_SECONDS
        self._deadline = time.monotonic() + self._seconds
        self._folder = tempfile.TemporaryDirectory(prefix="taxiway-load-")
        folder = Path(self._folder.name)
        self._log, self._out = folder / "requests.tsv", folder / "out"
        body = folder / "body"
        body.write_bytes(load.encoded.body)
        with self._out.open("wb") as out, machine.bound(cpus):
            self._process = subprocess.Popen(
                _command(load, body, self._log, len(cpus)), stdout=out, stderr=out
            )

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the load.

        Args:
          seconds: seconds to wait.

        Returns:
          Whether the load has ended.

        Raises:
          NotServed: the load takes much longer than expected.
        """
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        if time.monotonic() > self._deadline:
            raise NotServed(
                f"{self._load.encoded.url} answers too slowly: "
                f"{self._load.requests:,} requests took longer than {self._seconds:.0f} s.",
                "give the server more CPUs, or lower --batch and --concurrency",
            )
        return False

    def answered(self) -> LoadResult:
        """Return the outcome of a load that has ended.

        Raises:
          NotServed: no server answered.
        """
        lines = self._log.read_text("ascii") if self._log.exists() else ""
        return parse(self._out.read_text("utf-8", "replace"), lines, self._load)

    def end(self) -> None:
        """End the process if it still runs, and remove its files."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def require_tool() -> None:
    """Check that the load generator is installed.

    Raises:
      ToolMissing: h2load is not installed.
    """
    if shutil.which(_TOOL) is None:
        raise ToolMissing(
            "h2load, the load generator, is not on PATH.",
            "apt install nghttp2-client   (Fedora: dnf install nghttp2)",
        )


def parse(out: str, lines: str, load: Load) -> LoadResult:
    """Parse the output of h2load.

    Args:
      out: h2load's standard output.
      lines: lines of its log: microseconds since 1970, status, duration in microseconds.
      load: requests that were sent.

    Returns:
      The outcome of the load.

    Raises:
      NotServed: no request was answered.
    """
    counts, traffic = _REQUESTS.search(out), _TRAFFIC.search(out)
    log = np.array([line.split("\t")[:3] for line in lines.splitlines()], dtype=np.float64)
    answered = log[log[:, 1] > 0] if log.size else log
    if counts is None or traffic is None or not answered.size:
        message = next((line for line in out.splitlines() if "rror" in line or "fail" in line), "")
        raise NotServed(
            f"{load.encoded.url} gives no answer. {message}".strip(), "start the server, and retry"
        )
    total, succeeded, data = int(counts[1]), int(counts[2]), int(traffic[1])
    if load.answer_bytes is not None:
        # Rounded down, because a shorter or longer answer is an error.
        whole = data // load.answer_bytes if data <= succeeded * load.answer_bytes else 0
        succeeded = min(succeeded, whole)
    return LoadResult(total, total - succeeded, data, answered[:, 0] / 1e6, answered[:, 2] / 1e6)


def _command(load: Load, body: Path, log: Path, cpus: int) -> list[str]:
    command = [
        _TOOL, f"--requests={load.requests}", f"--clients={load.clients}",
        "--max-concurrent-streams=1", f"--data={body}", f"--log-file={log}",
        f"--connection-inactivity-timeout={_SILENCE}",
    ]  # fmt: skip
    if not load.encoded.http2:
        command.append("--h1")
    for name, value in load.encoded.headers.items():
        command.append(f"--header={name}: {value}")
    if load.rate is None:
        command.append(f"--threads={max(1, min(cpus, load.clients))}")
    else:
        command += [
            f"--rps={load.rate / load.clients:.6f}", "--rate=1", f"--rate-period={load.apart}ms",
        ]  # fmt: skip
    return [*command, load.encoded.url]
