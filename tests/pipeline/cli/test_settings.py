"""`taxiway settings`: the settings in force, and their JSON schema."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.settings import rendering
from pipeline.settings.loading import load_plain
from pipeline.settings.sections import Settings
from tests.conftest import PROJECT, taxiway


def test_settings_are_printed_as_a_settings_file(tmp_path: Path) -> None:
    printed = taxiway("settings").stdout
    (tmp_path / "mine.toml").write_text(printed)
    assert load_plain(tmp_path / "mine.toml") == load_plain(PROJECT / "taxiway.toml")
    assert taxiway("settings", "--settings", tmp_path / "mine.toml").stdout == printed


def test_settings_shows_what_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[train]\nepochs = 3\n")
    done = taxiway("settings", "--settings", tmp_path / "mine.toml")
    assert "epochs = 3\n" in done.stdout


def test_settings_prints_its_json_schema() -> None:
    assert json.loads(taxiway("settings", "--schema").stdout) == Settings.model_json_schema()


def test_relative_settings_are_found_from_where_the_user_is(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\n')
    done = taxiway("settings", "--settings", "mine.toml", cwd=tmp_path)
    assert done.stdout == rendering.as_toml(Settings(name="mine"))


def test_without_a_settings_file_the_printed_settings_are_named_as_the_defaults(
    tmp_path: Path,
) -> None:
    done = taxiway("settings", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == rendering.as_toml(Settings())
    assert f"{tmp_path}: there is no taxiway.toml, so these are the default" in done.stderr
