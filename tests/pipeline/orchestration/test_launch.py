"""How a component's failure is told."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from pipeline.errors import READ_THE_LOG, InfrastructureError
from pipeline.orchestration import launch
from pipeline.project import import_path


def _fail_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> InfrastructureError:
    """Fail in a module of the folder, while the project's folder is the one above."""
    folder.mkdir(parents=True)
    (folder / "own_code.py").write_text("def learn(row):\n\n    return row['fare']\n")
    monkeypatch.syspath_prepend(str(folder))
    own_code = importlib.import_module("own_code")
    del sys.modules["own_code"]
    with pytest.raises(InfrastructureError) as caught, launch.explain_errors("Trainer"):
        own_code.learn({})
    return caught.value


@pytest.mark.parametrize(
    ("folder", "where", "next_step"),
    [
        (
            "models",
            " (models/own_code.py, line 3)",
            "fix that file, and run again; completed components are not repeated",
        ),
        (".venv/lib/python3.10/site-packages", "", READ_THE_LOG),
    ],
    ids=["in the user's code", "in a library"],
)
def test_a_failure_says_where_the_user_can_mend_it(
    folder: str, where: str, next_step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_path, "_folders", [])
    said = _fail_in(tmp_path / folder, monkeypatch)
    assert said.what == f"Trainer failed: KeyError: 'fare'{where}"
    assert said.next_step == next_step


def test_an_interruption_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt), launch.explain_errors("Trainer"):
        raise KeyboardInterrupt
