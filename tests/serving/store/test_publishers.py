"""Several publishers at once."""

from __future__ import annotations

import contextlib
import fcntl
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.errors import StoreBusy
from serving.store import lock, publish
from tests.proof import Proof
from tests.serving.promises import violations
from tests.serving.publishers import FACTS, Job, Publishers

Another = Callable[[object], Path]


@pytest.mark.parametrize("crowd", [2, 5])
def test_every_publisher_gets_another_version(
    crowd: int,
    another: Another,
    publishers: Publishers,
    tmp_path: Path,
    proof: Proof,
    full: bool,
) -> None:
    for attempt in range(40 if full else 5):
        base = tmp_path / f"base-{attempt}"
        done = publishers.run(*(Job(str(another(n)), str(base)) for n in range(crowd)))
        broken = violations(base, crowd, clean=True)
        if sorted(outcome.said for outcome in done) != [
            str(base / str(n + 1)) for n in range(crowd)
        ]:
            broken.append(f"{base}: {[outcome.said for outcome in done]}")
        proof.case(f"{crowd} publishers at once", broken)
        assert not broken


def test_the_same_model_becomes_one_version(
    saved_model: Path, publishers: Publishers, tmp_path: Path, proof: Proof, full: bool
) -> None:
    for attempt in range(20 if full else 3):
        base = tmp_path / f"base-{attempt}"
        done = publishers.run(*[Job(str(saved_model), str(base))] * 5)
        broken = violations(base, 1, clean=True)
        broken += [f"{base}: {outcome.said}" for outcome in done if outcome.said != str(base / "1")]
        proof.case("5 publishers of the same model", broken)
        assert not broken


def test_those_that_live_are_not_held_up_by_those_that_are_killed(
    another: Another, publishers: Publishers, tmp_path: Path, proof: Proof, full: bool
) -> None:
    chance = random.Random(7)
    for attempt in range(40 if full else 5):
        base = tmp_path / f"base-{attempt}"
        jobs = [Job(str(another(n)), str(base)) for n in range(5)]
        jobs[chance.randrange(5)] = Job(str(another(9)), str(base), "kill", chance.randrange(1, 60))
        done = publishers.run(*jobs)
        living = [outcome.said for outcome in done if outcome.status == 0]
        dead = sum(outcome.status == -signal.SIGKILL for outcome in done)
        broken = violations(base, tuple(range(len(living), len(living) + dead + 1)))
        if len(set(living)) != len(living) or len(living) + dead != 5:
            broken.append(f"{base}: {done}")
        proof.case("5 publishers at once, one killed", broken)
        assert not broken


@pytest.mark.slow
def test_with_tensorflow_at_work(
    another: Another, publishers: Publishers, tmp_path: Path, proof: Proof, full: bool
) -> None:
    base = tmp_path / "base"
    crowd = 5 if full else 2
    models = [another(n) for n in range(crowd)]
    # A model whose damage only TensorFlow detects.
    spoiled = another("spoiled")
    graph = (spoiled / "saved_model.pb").read_bytes()
    (spoiled / "saved_model.pb").write_bytes(graph.replace(b"Sigmoid", b"Sigmund"))
    (spoiled / "fingerprint.pb").unlink()
    jobs = [Job(str(model), str(base), real=True) for model in (spoiled, *models)]
    refused, *done = publishers.run(*jobs)
    broken = violations(base, crowd, clean=True)
    proof.case(f"{crowd} publishers at once, verified with TensorFlow", broken)
    assert not broken
    assert len({outcome.said for outcome in done}) == crowd
    assert refused.said == "DamagedModel"


def test_a_publisher_that_waits_too_long_gets_an_error(saved_model: Path, tmp_path: Path) -> None:
    with (
        lock.exclusive(tmp_path, 0),
        pytest.raises(StoreBusy, match="another publisher has held"),
    ):
        publish.publish(saved_model, tmp_path, FACTS, lambda _: None, wait=0.05)
    assert publish.publish(saved_model, tmp_path, FACTS, lambda _: None, wait=0).name == "1"


def test_a_lock_on_a_removed_file_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    with contextlib.ExitStack() as others:

        def late(handle: int, how: int) -> None:
            monkeypatch.setattr(fcntl, "flock", flock)
            with lock.exclusive(tmp_path, 0):
                pass  # and its file is gone
            others.enter_context(lock.exclusive(tmp_path, 0))
            flock(handle, how)

        monkeypatch.setattr(fcntl, "flock", late)
        with pytest.raises(StoreBusy), lock.exclusive(tmp_path, 0.05):
            pass


def test_the_staged_files_of_a_live_publisher_are_kept(another: Another, tmp_path: Path) -> None:
    base = tmp_path / "base"
    verifying, go_on = threading.Event(), threading.Event()

    def slow(_: Path) -> None:
        verifying.set()
        assert go_on.wait(10)

    living = threading.Thread(target=publish.publish, args=(another("a"), base, FACTS, slow))
    living.start()
    assert verifying.wait(10)
    (staged,) = base.glob(".publishing-*/saved_model.pb")
    with pytest.raises(StoreBusy):
        publish.publish(another("b"), base, FACTS, lambda _: None, wait=0.1)
    assert staged.exists()
    go_on.set()
    living.join()
    assert violations(base, 1, clean=True) == []
