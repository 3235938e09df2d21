"""One run at a time uses a workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import UsageError, WorkspaceBusy
from pipeline.workspace import Workspace


def test_the_lock_creates_the_workspace_and_states_its_process(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new" / "workspace", "flights")
    with workspace.exclusive():
        assert workspace.lock_file.read_text() == str(os.getpid())
    assert list(workspace.root.iterdir()) == [workspace.lock_file]


def test_a_second_run_is_told_which_process_holds_the_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "flights")
    with (
        workspace.exclusive(),
        pytest.raises(WorkspaceBusy, match=rf"another run \(process {os.getpid()}\)"),
        workspace.exclusive(),
    ):
        pass
    with workspace.exclusive():
        pass


def test_a_workspace_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UsageError, match="the workspace cannot be written"),
        Workspace(tmp_path / "file" / "workspace", "flights").exclusive(),
    ):
        pass
