"""The cache of the tests: right when it is empty, shared, interrupted or old."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import environments


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "taxiway-tests"


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.lock"
    file.write_text("one")
    return file


class _Maker:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        folder.mkdir()
        time.sleep(0.1)
        (folder / "made").touch()


def test_it_is_made_once_for_all_who_need_it(lock_file: Path) -> None:
    make = _Maker()
    with ThreadPoolExecutor(4) as pool:
        folders = list(
            pool.map(lambda _: environments.made_once("sdk", [lock_file], make), range(4))
        )
    assert len(set(folders)) == make.calls == 1
    assert (folders[0] / "made").exists()


def test_another_content_gives_another_folder(lock_file: Path) -> None:
    make = _Maker()
    first = environments.made_once("sdk", [lock_file], make)
    lock_file.write_text("two")
    assert environments.made_once("sdk", [lock_file], make) != first
    assert make.calls == 2


def test_what_was_interrupted_is_made_anew(lock_file: Path) -> None:
    def interrupted(folder: Path) -> None:
        folder.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        environments.made_once("sdk", [lock_file], interrupted)
    make = _Maker()
    assert (environments.made_once("sdk", [lock_file], make) / "made").exists()
    assert make.calls == 1


def test_only_one_borrows_a_folder(lock_file: Path, tmp_path: Path) -> None:
    kept = ("installed",)
    with environments.borrowed("clone", [lock_file], kept, tmp_path / "a") as first:
        (first / "installed").mkdir()
        (first / "workspace").mkdir()
        (first / "file").touch()
        with environments.borrowed("clone", [lock_file], kept, tmp_path / "b") as second:
            assert second == tmp_path / "b"
            (second / "installed").mkdir()
        assert list(second.iterdir()) == []
    with environments.borrowed("clone", [lock_file], kept, tmp_path / "a") as third:
        assert third == first
        assert [path.name for path in third.iterdir()] == ["installed"]


def test_what_is_unused_for_long_is_removed(lock_file: Path, cache: Path) -> None:
    old = environments.made_once("sdk", [lock_file], _Maker())
    os.utime(old, (0, 0))
    lock_file.write_text("two")
    new = environments.made_once("sdk", [lock_file], _Maker())
    assert [path for path in cache.iterdir() if path.is_dir()] == [new]
