"""How a component's failure is told."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from pipeline import launching
from pipeline.errors import InfrastructureError


def _fail_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> InfrastructureError:
    """Fail in a module of the folder, while the project's folder is the one above."""
    folder.mkdir(parents=True)
    (folder / "own_code.py").write_text("def learn(row):\n\n    return row['fare']\n")
    monkeypatch.syspath_prepend(str(folder))
    own_code = importlib.import_module("own_code")
    del sys.modules["own_code"]
    with pytest.raises(InfrastructureError) as caught, launching.explained("Trainer"):
        own_code.learn({})
    return caught.value


def test_a_failure_in_the_users_code_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = _fail_in(tmp_path / "models", monkeypatch)
    assert said.what == "Trainer failed: KeyError: 'fare' (models/own_code.py, line 3)"
    assert said.next_step == "correct that file; what was done before is not done again"


def test_a_failure_in_a_library_names_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = _fail_in(tmp_path / ".venv/lib/python3.10/site-packages", monkeypatch)
    assert said.what == "Trainer failed: KeyError: 'fare'"
    assert said.next_step.startswith("read the end of the log")


def test_an_interruption_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt), launching.explained("Trainer"):
        raise KeyboardInterrupt
