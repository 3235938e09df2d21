"""The folder TF Serving watches."""

from pathlib import Path

import pytest

from serving import store


def _model(folder: Path, content: str = "graph") -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    (folder / "variables" / "variables.index").write_text("index")
    return folder


def test_versions_are_consecutive(tmp_path: Path) -> None:
    for number in (1, 2):
        version = store.publish(_model(tmp_path / f"m{number}", str(number)), tmp_path / "base")
        assert version == tmp_path / "base" / str(number)
    assert store.versions(tmp_path / "base") == [1, 2]
    assert (tmp_path / "base" / "2" / "saved_model.pb").read_text() == "2"


def test_a_model_that_is_already_the_newest_version_is_not_published_again(tmp_path: Path) -> None:
    model = _model(tmp_path / "m")
    assert store.publish(model, tmp_path / "base") == store.publish(model, tmp_path / "base")
    assert store.versions(tmp_path / "base") == [1]


def test_a_failed_copy_leaves_nothing(tmp_path: Path) -> None:
    model = _model(tmp_path / "m")
    (model / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError):
        store.publish(model, tmp_path / "base")
    assert list((tmp_path / "base").iterdir()) == []


def test_other_names_are_no_versions(tmp_path: Path) -> None:
    (tmp_path / ".publishing-x").mkdir()
    (tmp_path / "notes.txt").touch()
    assert store.versions(tmp_path) == []
    assert store.versions(tmp_path / "missing") == []
