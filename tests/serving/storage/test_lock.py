"""A lock excludes other processes, waits as long as requested, and ends with its process."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from serving.storage import lock


@pytest.mark.parametrize("keep", [True, False])
def test_the_lock_of_a_killed_process_is_free(keep: bool, tmp_path: Path) -> None:
    file = tmp_path / "lock"
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        with lock.exclusive(file, keep=keep):
            os.write(writer, b".")
            signal.pause()
    try:
        assert os.read(reader, 1) == b"."
        with pytest.raises(lock.LockHeld) as caught, lock.exclusive(file):
            pass
        assert caught.value.file == file
        assert caught.value.holder == (str(child) if keep else "")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)
    with lock.exclusive(file, keep=keep):
        assert file.read_text() == (str(os.getpid()) if keep else "")
    assert file.exists() is keep


def test_waits_for_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lock.exclusive(file):
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    begin = time.monotonic()
    with pytest.raises(lock.LockHeld), lock.exclusive(file, wait=0.2):
        pass
    assert time.monotonic() - begin >= 0.2
    threading.Timer(0.1, release.set).start()
    with lock.exclusive(file, wait=10):
        assert release.is_set()
    holder.join()


def test_an_error_in_the_block_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock.exclusive(tmp_path / "lock"):
        1 / 0  # noqa: B018
    with lock.exclusive(tmp_path / "lock"):
        pass
