"""Settings: typed, frozen, and helpful when wrong."""

import json
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.errors import UsageError
from tests.conftest import PROJECT


def _file(folder: Path, text: str) -> Path:
    file = folder / "taxiway.toml"
    file.write_text(text)
    return file


def test_the_file_in_the_repository_shows_the_defaults() -> None:
    text = (PROJECT / "taxiway.toml").read_text()
    assert text == settings.as_toml(settings.Settings())
    assert settings.load_plain(PROJECT / "taxiway.toml") == settings.Settings()


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    loaded = settings.load(_file(tmp_path, 'workspace = "state"\n[source]\npath = "rows"\n'))
    assert loaded.workspace == tmp_path / "state"
    assert loaded.source.path == tmp_path / "rows"


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.load().workspace == tmp_path / "workspace"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[evaluate]\nmin_aux = 1\n", r"unknown key evaluate\.min_aux; did you mean min_auc\?"),
        ("zzz = 1\n", r"unknown key zzz; known keys: name, workspace"),
        ("[source]\nwindow = 0\n", r"source\.window: .* greater than or equal to 1 \(got 0\)"),
        ('name = "No Spaces"\n', r"name: String should match pattern"),
        ("= 1\n", r"not a readable TOML file"),
    ],
)
def test_wrong_settings_say_what_and_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        settings.load(_file(tmp_path, text))
    assert str(tmp_path) in caught.value.what


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such settings file"):
        settings.load(tmp_path / "other.toml")


def test_the_json_schema_describes_every_section() -> None:
    schema = json.loads(settings.json_schema())
    assert set(schema["properties"]) == set(settings.Settings.model_fields)
