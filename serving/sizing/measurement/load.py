"""Load from h2load, which comes with nghttp2.

It drives both protocols, faster than any server of ours can answer, and writes down every request.
Of gRPC's errors it knows nothing: their HTTP status is 200. But an error has no body, and the
answers to one request are all of the same length, so what is missing in bytes is what failed.
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
# Beyond the time that a load should take.
_GRACE_SECONDS = 60.0
_CLIENTS = 1000

# Of a steady load: the longest time between two clients, how near it must come to the rate, and
# the time between two requests of a client.
_APART = 50
_NEAR = 0.005
_SHORTEST, _LONGEST = 0.02, 0.2
_REQUESTS = re.compile(r"^requests: (\d+) total, .*? (\d+) succeeded", re.M)
_TRAFFIC = re.compile(r"^traffic: .*\((\d+)\) data$", re.M)


@dataclass(frozen=True)
class Load:
    """What to send.

    Args:
      wire: one request, sent again and again.
      requests: how many.
      clients: each waits for its answer before it asks again.
      rate: requests a second that fall due, answered or not; None for as many as get through.
      apart: milliseconds from one client's begin to the next one's; 0 for all at once.
      answer_bytes: of a right answer; None to go by the status alone.
    """

    wire: EncodedRequest
    requests: int
    clients: int
    rate: float | None = None
    apart: int = 0
    answer_bytes: int | None = None

    @property
    def ramp(self) -> float:
        """Seconds until all clients are at work."""
        return self.clients * self.apart / 1e3


@dataclass(frozen=True)
class Answered:
    """What came back.

    Args:
      requests: that were sent.
      errors: of them.
      data_bytes: of all answers' bodies.
      began: when each request was sent, in seconds; in no order.
      took: how long each took, in seconds.
    """

    requests: int
    errors: int
    data_bytes: int
    began: npt.NDArray[np.float64]
    took: npt.NDArray[np.float64]


def steady(
    wire: EncodedRequest, rate: float, seconds: float, patience: float, answer_bytes: int | None
) -> Load:
    """Return a load whose requests fall due at a fixed rate, spread evenly.

    h2load's clients look at the clock every 10 ms at best, and then send all that fell due. Many
    slow clients that begin one after another keep the requests apart. They begin `apart`
    milliseconds after each other, and by then `due` requests are: with a number of clients that
    has no factor in common with `due`, no two of them ever send at the same time.

    Args:
      wire: the request.
      rate: requests a second; h2load's whole milliseconds change it by a hundredth or so.
      seconds: to last, without the time in which clients begin and end.
      patience: seconds that an answer can take without the next request having to wait.
      answer_bytes: as in Load.
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
    return Load(wire, requests, clients, rate, apart, answer_bytes)


def _off(apart: int, rate: float) -> float:
    """Return how far a number of milliseconds is from the time of whole requests."""
    due = round(apart * rate / 1e3)
    off = abs(due * 1e3 / apart / rate - 1)
    # What is near enough is as good as the best, and the shortest of these is taken.
    return off if off > _NEAR else 0.0


class Running:
    """A load under way.

    Args:
      load: what is sent.
      cpus: for the generator.
      seconds: that it should take.

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
        body.write_bytes(load.wire.body)
        with self._out.open("wb") as out, machine.bound(cpus):
            self._process = subprocess.Popen(
                _command(load, body, self._log, len(cpus)), stdout=out, stderr=out
            )

    def wait(self, seconds: float) -> bool:
        """Wait a little.

        Args:
          seconds: at most.

        Returns:
          Whether it is done.

        Raises:
          NotServed: it takes much longer than it should.
        """
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        if time.monotonic() > self._deadline:
            raise NotServed(
                f"{self._load.wire.url} answers too slowly: {self._load.requests:,} requests took "
                f"longer than {self._seconds:.0f} s.",
                "give the server more CPUs, or lower --batch and --concurrency",
            )
        return False

    def answered(self) -> Answered:
        """Return what came back, once it is done.

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
    """Find the load generator.

    Raises:
      ToolMissing: h2load is not installed.
    """
    if shutil.which(_TOOL) is None:
        raise ToolMissing(
            "h2load, the load generator, is not on PATH.",
            "apt install nghttp2-client   (Fedora: dnf install nghttp2)",
        )


def parse(out: str, lines: str, load: Load) -> Answered:
    """Read what h2load says.

    Args:
      out: it printed.
      lines: of its log: microseconds since 1970, status, microseconds taken.
      load: that was sent.

    Raises:
      NotServed: no request was answered.
    """
    counts, traffic = _REQUESTS.search(out), _TRAFFIC.search(out)
    log = np.array([line.split("\t")[:3] for line in lines.splitlines()], dtype=np.float64)
    answered = log[log[:, 1] > 0] if log.size else log
    if counts is None or traffic is None or not answered.size:
        said = next((line for line in out.splitlines() if "rror" in line or "fail" in line), "")
        raise NotServed(
            f"{load.wire.url} gives no answer. {said}".strip(), "start the server, and try again"
        )
    total, succeeded, data = int(counts[1]), int(counts[2]), int(traffic[1])
    if load.answer_bytes is not None:
        # Rounded down: a shorter answer is as wrong as none. A longer one is too.
        whole = data // load.answer_bytes if data <= succeeded * load.answer_bytes else 0
        succeeded = min(succeeded, whole)
    return Answered(total, total - succeeded, data, answered[:, 0] / 1e6, answered[:, 2] / 1e6)


def _command(load: Load, body: Path, log: Path, cpus: int) -> list[str]:
    command = [
        _TOOL, f"--requests={load.requests}", f"--clients={load.clients}",
        "--max-concurrent-streams=1", f"--data={body}", f"--log-file={log}",
        f"--connection-inactivity-timeout={_SILENCE}",
    ]  # fmt: skip
    if not load.wire.http2:
        command.append("--h1")
    for name, value in load.wire.headers.items():
        command.append(f"--header={name}: {value}")
    if load.rate is None:
        command.append(f"--threads={max(1, min(cpus, load.clients))}")
    else:
        command += [
            f"--rps={load.rate / load.clients:.6f}", "--rate=1", f"--rate-period={load.apart}ms",
        ]  # fmt: skip
    return [*command, load.wire.url]
