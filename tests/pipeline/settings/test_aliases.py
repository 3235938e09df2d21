"""A workspace whose path looks like a pattern gets a second path."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import loading
from pipeline.settings.loading import without_pattern
from pipeline.workspace import Workspace


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", ["rides", "my rides", "여객", 'it\'s "mine"', "a%b#c;d"])
def test_a_plain_path_stays_as_it_is(tmp_path: Path, name: str) -> None:
    assert without_pattern(tmp_path / name) == tmp_path / name


@pytest.mark.parametrize("name", ["rides [v1]", "{SPAN}", "a*", "what?", "back\\slash"])
def test_a_pattern_gets_a_link_that_is_always_the_same(tmp_path: Path, name: str) -> None:
    project = tmp_path / name
    project.mkdir()
    (project / "taxiway.toml").write_text('name = "rides"\n')
    settings = loading.load(project / "taxiway.toml")
    assert not set("*?[]{}\\") & set(str(settings.workspace))
    assert not (project / "workspace").exists()
    with Workspace(settings.workspace, settings.name).exclusive():
        assert settings.workspace.samefile(project / "workspace")
        assert (project / "workspace").is_dir()
    assert without_pattern(project / "workspace") == settings.workspace
    assert without_pattern(tmp_path / "other" / name) != settings.workspace
