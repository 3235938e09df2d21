"""A disk that is full, or fails."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.errors import StoreUnwritable
from serving.store import publish
from tests.proof import Proof
from tests.serving.promises import violations
from tests.serving.publishers import FACTS, FAILING, Job, Publishers

Another = Callable[[object], Path]


def _two_versions(
    publishers: Publishers, base: Path, another: Another, **how: object
) -> tuple[str, list[str]]:
    """Publish one model, and another with a fault; return the second publisher's result."""
    publishers.run(Job(str(another("a")), str(base)))
    (second,) = publishers.run(Job(str(another("b")), str(base), **how))  # type: ignore[arg-type]
    assert second.status == 0
    return second.said, second.calls


@pytest.mark.parametrize("how", ["once", "on"])
def test_no_room_at_each_write_flush_and_rename(
    how: str,
    another: Another,
    publishers: Publishers,
    tmp_path: Path,
    proof: Proof,
    full: bool,
) -> None:
    said, calls = _two_versions(publishers, tmp_path / "calls", another)
    assert said == str(tmp_path / "calls" / "2")
    places = [number for number, call in enumerate(calls, 1) if call in FAILING]
    assert len(places) > 30
    renamed = calls.index("rename") + 1
    violated: list[str] = []
    for at in places if full else places[:: 1 if how == "once" else 3]:
        base = tmp_path / f"base-{at}"
        said, _ = _two_versions(publishers, base, another, how=how, at=at)
        broken = violations(base, 2 if at > renamed else 1)
        if any(base.glob(".publishing-*/*")):
            broken.append(f"call {at}: the failed publisher left files on a full disk")
        if said != "StoreUnwritable":
            broken.append(f"call {at}, {calls[at - 1]}: publisher said {said}")
        (after,) = publishers.run(Job(str(another("b")), str(base)))
        broken += violations(base, 2, clean=True)
        if after.said != str(base / "2"):
            broken.append(f"call {at}: the next publisher said {after.said}")
        proof.case(f"no space left, {'then again' if how == 'once' else 'for good'}", broken)
        violated += broken
    assert not violated


def test_a_write_that_takes_half_is_continued(
    another: Another, publishers: Publishers, tmp_path: Path, proof: Proof
) -> None:
    _, calls = _two_versions(publishers, tmp_path / "calls", another)
    for at in [number for number, call in enumerate(calls, 1) if call == "write"]:
        base = tmp_path / f"base-{at}"
        said, _ = _two_versions(publishers, base, another, how="short", at=at)
        broken = violations(base, 2, clean=True)
        proof.case("a write takes half", broken)
        assert not broken and said == str(base / "2")


def test_a_mount_that_cannot_flush_folders_will_do(
    another: Another, publishers: Publishers, tmp_path: Path
) -> None:
    said, calls = _two_versions(publishers, tmp_path / "calls", another)
    last = len(calls) - 1 - calls[::-1].index("fsync") + 1
    base = tmp_path / "base"
    said, _ = _two_versions(publishers, base, another, how="once", at=last, error=errno.EINVAL)
    assert said == str(base / "2")
    base = tmp_path / "broken"
    said, _ = _two_versions(publishers, base, another, how="once", at=last, error=errno.EIO)
    assert said == "StoreUnwritable"
    assert violations(base, 2) == []


def test_a_base_path_that_cannot_be_made(saved_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnwritable, match="Not a directory") as caught:
        publish.publish(saved_model, tmp_path / "file" / "base", FACTS, lambda _: None)
    assert caught.value.next_step
