"""Publishers that are killed: at each call, in the middle of a write, at any moment."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.store import publish as store
from serving.validation import model_check
from tests.proof import Proof
from tests.serving.promises import violations
from tests.serving.publishers import Job, Outcome, Publishers

Another = Callable[[object], Path]


class _Base:
    """A base path where publishers are killed and others follow."""

    def __init__(self, base: Path, publishers: Publishers) -> None:
        self.base = base
        self._publishers = publishers
        self.last = 0

    def kill_and_recover(self, job: Job) -> tuple[list[str], Outcome]:
        """Kill a publisher, then publish the same model; return broken promises, and the first."""
        (killed,) = self._publishers.run(job)
        broken = violations(self.base, (self.last, self.last + 1)) if self.base.exists() else []
        if killed.status != 0 and not killed.killed:
            broken.append(f"{job}: ended with {killed.status}")
        broken += self.publish(Path(job.model))
        return broken, killed

    def publish(self, model: Path) -> list[str]:
        """Publish a new model; return broken promises."""
        (done,) = self._publishers.run(Job(str(model), str(self.base)))
        self.last += 1
        if done.said != str(self.base / str(self.last)):
            return [f"{self.base}: the next publisher said {done.said}, not {self.last}"]
        return violations(self.base, self.last, clean=True)


def _calls(publishers: Publishers, base: Path, first: Path, second: Path) -> list[str]:
    """Return the calls of a publisher that cleans up after a killed one and is not disturbed."""
    publishers.run(Job(str(first), str(base)))
    publishers.run(Job(str(second), str(base), "kill", at=30))
    (done,) = publishers.run(Job(str(second), str(base)))
    assert done.said == str(base / "2")
    return done.calls


def test_at_each_call(
    another: Another, publishers: Publishers, tmp_path: Path, proof: Proof, full: bool
) -> None:
    calls = _calls(publishers, tmp_path / "calls", another("a"), another("b"))
    assert {
        "open",
        "create",
        "write",
        "fsync",
        "mkdir",
        "rename",
        "flock",
        "verify",
        "rmdir",
    } <= set(calls)
    assert len(calls) > 60
    places = range(1, len(calls) + 1) if full else range(1, len(calls) + 1, 4)
    violated: list[str] = []
    for at in {*places, *(n for n, call in enumerate(calls, 1) if call in ("rename", "flock"))}:
        base = _Base(tmp_path / f"base-{at}", publishers)
        broken = base.publish(another("a"))
        # The one that is killed finds what another left, and the next what both left.
        publishers.run(Job(str(another("b")), str(base.base), "kill", at=30))
        again, outcome = base.kill_and_recover(Job(str(another("b")), str(base.base), "kill", at))
        broken += again if outcome.killed else [f"call {at} of {len(calls)} was not reached"]
        proof.case("killed before each call", broken)
        violated += broken
    assert not violated


def test_in_the_middle_of_a_write(
    another: Another, publishers: Publishers, tmp_path: Path, proof: Proof, full: bool
) -> None:
    base = _Base(tmp_path / "base", publishers)
    (first,) = publishers.run(Job(str(another("a")), str(base.base)))
    base.last = 1
    writes = [number for number, call in enumerate(first.calls, 1) if call == "write"]
    # A base that is there needs fewer calls; the surplus simply ends unharmed.
    violated: list[str] = []
    for at in range(1, writes[-1] + 1) if full else writes:
        job = Job(str(another(f"torn {at}")), str(base.base), "tear", at)
        broken, outcome = base.kill_and_recover(job)
        if outcome.killed:
            proof.case("killed in the middle of a write", broken)
        violated += broken
    assert not violated


def test_at_any_moment(
    another: Another, publishers: Publishers, tmp_path: Path, proof: Proof, full: bool
) -> None:
    chance = random.Random(5)
    (whole,) = publishers.run(Job(str(another("whole")), str(tmp_path / "whole")))
    violated: list[str] = []
    died, bases, deaths = 0, (12 if full else 2), (240 if full else 8)
    for number in range(bases):
        base = _Base(tmp_path / f"base-{number}", publishers)
        # On a busy machine some publishers end before they are killed.
        for attempt in range(10 * deaths // bases):
            if died >= deaths * (number + 1) // bases:
                break
            delay = chance.uniform(0.0005, whole.seconds * 1.2)
            job = Job(str(another(attempt)), str(base.base), delay=delay)
            broken, outcome = base.kill_and_recover(job)
            died += outcome.killed
            if outcome.killed:
                proof.case("killed at any moment", broken)
            violated += broken
        # Verified as TensorFlow Serving would load it, not only by its hashes.
        violated += model_check.check(base.base / str(base.last)) if number < 3 else []
    assert not violated
    assert died >= deaths


@pytest.mark.parametrize("moment", [0.2, 0.6, 0.1, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9, 0.95])
def test_while_tensorflow_verifies(
    moment: float,
    another: Another,
    publishers: Publishers,
    tmp_path: Path,
    proof: Proof,
    full: bool,
) -> None:
    if not full and moment != 0.6:
        pytest.skip("with --proof")
    base = _Base(tmp_path / "base", publishers)
    assert base.publish(another("a")) == []
    # Where TensorFlow is done by then, the next is killed earlier, the last as soon as it begins.
    for delay in (2.0 * moment, 0.5 * moment, 0.0):
        model = str(another(f"killed after {delay}"))
        job = Job(model, str(base.base), "verifying", delay=delay, real=True)
        broken, outcome = base.kill_and_recover(job)
        at_work = outcome.killed and outcome.calls[-1] == "tensorflow"
        if at_work or broken:
            proof.case("killed while TensorFlow verifies", broken)
        assert not broken
        if at_work:
            return
    pytest.fail(f"TensorFlow was not at work: {outcome}")


def test_a_watcher_that_lists_all_the_time_sees_whole_versions_only(
    another: Another, publishers: Publishers, tmp_path: Path, proof: Proof, full: bool
) -> None:
    base = tmp_path / "base"
    seen: set[int] = set()
    broken: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for version in set(store.versions(base)) - seen:
                seen.add(version)
                wrong = store.verify_hashes(base / str(version))
                proof.case("first sight of a version", wrong)
                broken.extend(wrong)

    watcher = threading.Thread(target=watch)
    watcher.start()
    rounds = 40 if full else 6
    for number in range(1, rounds + 1):
        publishers.run(Job(str(another(number)), str(base)))
    done.set()
    watcher.join()
    assert not broken
    assert len(seen) >= rounds - 1
