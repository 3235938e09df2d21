"""A small model as TensorFlow exports it, and publishers to kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving.publishers import Publishers
from tests.serving.tiny import export


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel with three signatures, five variables in two shards, and a vocabulary."""
    return export(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def another(saved_model: Path, tmp_path: Path) -> Callable[[object], Path]:
    """Make a model of another content, which is as good."""

    def make(content: object) -> Path:
        folder = tmp_path / "models" / str(content)
        if not folder.exists():
            shutil.copytree(saved_model, folder)
            (folder / "assets.extra").mkdir()
            (folder / "assets.extra" / "note.txt").write_text(str(content))
        return folder

    return make


@pytest.fixture(scope="session")
def publishers() -> Iterator[Publishers]:
    """Publishers in processes of their own."""
    with Publishers() as found:
        yield found
