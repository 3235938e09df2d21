"""Files are replaced in one step, and survive a crash between any two steps."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.storage import local


@pytest.mark.parametrize("content", ["spät", "spät".encode()])
def test_replaces_text_and_bytes(content: str | bytes, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("old")
    local.replace_file(file, content)
    assert file.read_bytes() == "spät".encode()
    assert list(tmp_path.iterdir()) == [file]


def test_creates_a_missing_file_but_no_folder(tmp_path: Path) -> None:
    local.replace_file(tmp_path / "new", "content")
    assert (tmp_path / "new").read_text() == "content"
    with pytest.raises(FileNotFoundError):
        local.replace_file(tmp_path / "missing" / "new", "content")


def test_the_mode_is_exact_and_defaults_to_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        local.replace_file(tmp_path / "default", "content")
        local.replace_file(tmp_path / "private", "content", 0o600)
        local.replace_file(tmp_path / "shared", "content", 0o666)
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {"default": 0o640, "private": 0o600, "shared": 0o666}


def _fail(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: int = 0) -> None:
    """Make a call fail from its `after`-th use on."""
    call: Callable[..., Any] = getattr(owner, name)
    uses = 0

    def failing(*arguments: Any, **named: Any) -> Any:
        nonlocal uses
        uses += 1
        if uses > after:
            raise OSError(28, "No space left on device")
        return call(*arguments, **named)

    monkeypatch.setattr(owner, name, failing)


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [(os, "open", 0), (os, "write", 0), (os, "open", 1), (os, "fsync", 0), (Path, "replace", 0)],
)
def test_a_failure_leaves_the_old_file_and_no_temporary_one(
    owner: Any, name: str, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with monkeypatch.context() as patched:
        _fail(patched, owner, name, after)
        with pytest.raises(OSError, match="No space left"):
            local.replace_file(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_flushes_the_content_before_the_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        steps.append(("fsync", "folder" if path == tmp_path.resolve() else path.read_text()))
        fsync(handle)

    def recorded_replace(path: Path, target: Path) -> Path:
        steps.append(("replace", path.read_text()))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    local.replace_file(tmp_path / "file", "new")
    assert steps == [("fsync", "new"), ("replace", "new"), ("fsync", "folder")]


def test_a_process_that_is_killed_at_any_call_leaves_a_whole_file(tmp_path: Path) -> None:
    calls = ["open", "write", "fsync", "replace"]
    for number, name in enumerate(calls):
        file = tmp_path / str(number) / "file"
        file.parent.mkdir()
        file.write_text("old")
        if (child := os.fork()) == 0:
            setattr(Path if name == "replace" else os, name, lambda *_, **__: os._exit(9))
            local.replace_file(file, "new")
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        assert file.read_text() == "old"
        others = [path.name for path in file.parent.iterdir() if path != file]
        assert all(name.startswith(local.UNFINISHED) for name in others)
        assert len(others) == (0 if name == "open" else 1)
        local.remove_unfinished(file)
        assert list(file.parent.iterdir()) == [file]


def test_a_writer_gets_a_temporary_path_that_keeps_the_suffix(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with local.replacement(tmp_path / "plot.png", scratch) as temporary:
        assert (temporary.parent, temporary.suffix) == (scratch, ".png")
        assert temporary.name.startswith(".")
        temporary.write_text("plot")
        assert not (tmp_path / "plot.png").exists()
    assert (tmp_path / "plot.png").read_text() == "plot"
    assert list(scratch.iterdir()) == []


def test_an_error_of_the_writer_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), local.replacement(file) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_two_writers_of_one_file_do_not_share_a_temporary_path(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with local.replacement(file) as first, local.replacement(file) as second:
        first.write_text("first")
        second.write_text("second")
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]


def test_no_other_module_flushes_files_itself() -> None:
    root = Path(local.__file__).parents[2]
    modules = [
        path
        for package in ("models", "pipeline", "schema", "serving")
        for path in (root / package).rglob("*.py")
    ]
    assert [path for path in modules if "fsync(" in path.read_text("utf-8")] == [
        Path(local.__file__)
    ]
