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


@pytest.mark.parametrize(
    ("setting", "content", "next_step"),
    [
        ("features", "labels = 1\n", "its keys are label, "),
        ("features", "[open\n", "its keys are label, "),
        ("policy_file", "[kinds.drifts]\n", "its keys are limits, kinds"),
        ("schema_file", "feature { nam: 1 }\n", "`taxiway schema show` checks it"),
        ("schema_file", 'feature { name: "a" }\n', "`taxiway schema show` checks it"),
    ],
)
def test_the_next_step_is_about_the_same_file(
    setting: str, content: str, next_step: str, tmp_path: Path
) -> None:
    (file := tmp_path / "file").write_text(content)
    error = _refused(setting, file)
    assert error.next_step.startswith(f"fix {file}; {next_step}")


def test_files_that_do_not_fit_together_are_refused_with_both_names(tmp_path: Path) -> None:
    (file := tmp_path / "file").write_text('label = "lates"\nnumeric = ["distance"]\n')
    error = _refused("features", file)
    assert "the schema has no label column lates; did you mean late?" in error.what
    assert str(file) in error.next_step and "schema.pbtxt" in error.next_step


def test_a_name_in_another_unicode_form_is_told_apart(tmp_path: Path) -> None:
    (schema := tmp_path / "schema.pbtxt").write_text(
        'feature { name: "late" type: INT presence { min_fraction: 1 } '
        'int_domain { min: 0 max: 1 } } feature { name: "Gr\u00f6\u00dfe" type: INT }'
    )
    (file := tmp_path / "file").write_text('label = "late"\nnumeric = ["Gro\u0308\u00dfe"]\n')
    settings = _settings("features", file).model_copy(update={"schema_file": schema})
    with pytest.raises(UsageError, match=r"its Unicode form: U\+006F U\+0308 instead of U\+00F6"):
        files.load(settings)


def test_the_roles_are_those_of_the_features_file(tmp_path: Path) -> None:
    roles = files.roles(loading.absolute(Settings(), PROJECT))
    assert [roles.role(name) for name in ("late", "hour", "hour_band", "weather_time")] == [
        "label", "input", "slice", "",
    ]  # fmt: skip
    assert roles.buckets["hour"] == 24
    without = files.roles(_settings("features", tmp_path / "none"))
    assert without.role("anything") == "input"


def test_a_project_without_a_policy_has_the_default_one() -> None:
    settings = loading.absolute(Settings(), PROJECT).model_copy(update={"policy_file": None})
    assert files.load(settings).columns[0] == "late"
