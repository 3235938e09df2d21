"""A small exported model, publishers to kill, and the server under test."""

from __future__ import annotations

import shutil
import sys
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
    """Make a good model with other content."""

    def make(content: object) -> Path:
        folder = tmp_path / "models" / str(content)
        if not folder.exists():
            shutil.copytree(saved_model, folder)
            (folder / "assets.extra").mkdir()
            (folder / "assets.extra" / "note.txt").write_text(str(content))
        return folder

    return make


@pytest.fixture(scope="session")
def command(request: pytest.FixtureRequest) -> str:
    """The server under test: Taxiway's, or the one that `--model-server` names."""
    given = request.config.getoption("--model-server")
    return str(given) if given else f"{Path(sys.executable).with_name('taxiway')} serve"


@pytest.fixture(scope="session")
def publishers() -> Iterator[Publishers]:
    """Publishers in separate processes."""
    with Publishers() as started:
        yield started
