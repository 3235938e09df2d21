"""The files of a project: every failure names the file, or the setting that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.project import files
from pipeline.settings import loading
from pipeline.settings.sections import Settings
from tests.conftest import PROJECT

_KINDS = [
    ("features", "features file"),
    ("schema_file", "schema"),
    ("policy_file", "policy"),
]


def _settings(setting: str, file: Path) -> Settings:
    settings = loading.absolute(Settings(), PROJECT)
    return settings.model_copy(update={setting: file})


def _refused(setting: str, file: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        files.load(_settings(setting, file))
    return caught.value


@pytest.mark.parametrize("setting", [setting for setting, _ in _KINDS])
def test_a_missing_file_is_told_by_its_setting(setting: str, tmp_path: Path) -> None:
    error = _refused(setting, tmp_path / "none")
    assert error.what == f"{setting}: there is no file {tmp_path / 'none'}."
    assert error.next_step == (
        f"fix {setting}, or change to the project's folder, or pass --settings"
    )


@pytest.mark.parametrize(("setting", "kind"), _KINDS)
@pytest.mark.parametrize("content", [b"[open\n", b"\xff\xfe\x00"])
def test_a_file_with_other_content_is_refused(
    setting: str, kind: str, content: bytes, tmp_path: Path
) -> None:
    (file := tmp_path / "file").write_bytes(content)
    assert _refused(setting, file).what.startswith(f"{file}: not a valid {kind}: ")


@pytest.mark.parametrize("setting", [setting for setting, _ in _KINDS])
def test_a_folder_in_place_of_a_file_is_refused(setting: str, tmp_path: Path) -> None:
    assert _refused(setting, tmp_path).what == f"{tmp_path}: cannot be read: Is a directory."


@pytest.mark.parametrize("setting", ["features", "policy_file"])
def test_an_unknown_key_is_refused_by_its_name(setting: str, tmp_path: Path) -> None:
    (file := tmp_path / "file.toml").write_text("surprise = 1\n")
    what = _refused(setting, file).what
    assert what.startswith(f"{file}: ") and "surprise" in what


def test_a_project_without_a_policy_has_the_default_one() -> None:
    settings = loading.absolute(Settings(), PROJECT).model_copy(update={"policy_file": None})
    assert files.load(settings).columns[0] == "late"
