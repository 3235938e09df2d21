"""The files of a project appear together or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InfrastructureError, UsageError
from pipeline.project.scaffold import files

_CONTENTS = {"a.toml": "a = 1\n", "code/b.py": "B = 2\n", "code/deep/c.py": "C = 3\n"}


def _tree(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_all_files_are_written_to_a_new_folder(tmp_path: Path) -> None:
    files.create(tmp_path / "new" / "project", _CONTENTS)
    assert _tree(tmp_path / "new" / "project") == _CONTENTS


def test_other_files_of_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text("mine")
    files.create(tmp_path, _CONTENTS)
    assert _tree(tmp_path) == _CONTENTS | {"code/mine.py": "mine"}


def test_existing_files_are_named_and_kept(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "b.py").write_text("mine")
    (tmp_path / "a.toml").symlink_to("nowhere")
    with pytest.raises(
        UsageError, match=r"already a\.toml, code/b\.py; nothing is written"
    ) as error:
        files.create(tmp_path, _CONTENTS)
    assert "--force" in error.value.next_step
    assert _tree(tmp_path) == {"code/b.py": "mine"}


def test_force_replaces_these_files_only(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("mine")
    (tmp_path / "other").write_text("mine")
    files.create(tmp_path, _CONTENTS, force=True)
    assert _tree(tmp_path) == _CONTENTS | {"other": "mine"}


@pytest.mark.parametrize("force", [False, True])
def test_a_failure_in_the_middle_leaves_everything_as_it_was(tmp_path: Path, force: bool) -> None:
    (tmp_path / "code").write_text("a file where a folder must be")
    before = {"code": "a file where a folder must be"}
    if force:
        (tmp_path / "a.toml").write_text("mine")
        before["a.toml"] = "mine"
    with pytest.raises(InfrastructureError, match="cannot be written") as error:
        files.create(tmp_path, _CONTENTS, force=force)
    assert error.value.next_step == "choose another folder with --dir"
    assert _tree(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(before)


def test_an_interruption_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename
    renamed: list[str] = []

    def interrupted(self: Path, target: Path) -> Path:
        renamed.append(self.name)
        if len(renamed) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.create(tmp_path, _CONTENTS)
    assert renamed == ["a.toml", "b.py"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder_of_a_project(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not a folder"):
        files.create(tmp_path / "file", _CONTENTS)
