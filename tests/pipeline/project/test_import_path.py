"""The folder of own code is first on the import path, and hides nothing that Taxiway imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.project import import_path


@pytest.fixture(autouse=True)
def _same_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the process its import path back."""
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    path = list(sys.path)
    yield
    sys.path[:] = path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("models/__init__.py", "Taxiway has a package called models"),
        ("schema/rules.py", "Taxiway has a package called schema"),
        ("serving.py", "Taxiway has a package called serving"),
        ("pipeline/__init__.py", "Taxiway has a package called pipeline"),
        ("random.py", "Python's standard library has a module called random"),
        ("types/__init__.py", "Python's standard library has a module called types"),
        ("tensorflow/__init__.py", "an installed package is called tensorflow too"),
        ("keras.py", "an installed package is called keras too"),
        ("pydantic.py", "an installed package is called pydantic too"),
    ],
)
def test_a_module_that_hides_another_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    before = list(sys.path)
    with pytest.raises(UsageError) as refused:
        import_path.activate(tmp_path)
    entry = tmp_path / Path(name).parts[0]
    assert refused.value.what.startswith(f"{entry}: {reason}")
    assert refused.value.next_step == f"rename {entry.name}, or set `code` to another folder"
    assert sys.path == before


@pytest.mark.parametrize(
    "name",
    [
        "schema/schema.pbtxt",  # a folder of data
        "tensorflow/notes.md",
        "tests/__init__.py",
        "setup.py",
        "my-model.py",
        "rides_model/__init__.py",
        "models.toml",
    ],
)
def test_other_files_hide_nothing(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    import_path.activate(tmp_path)
    assert sys.path[0] == str(tmp_path)


def test_the_clone_itself_is_a_project(request: pytest.FixtureRequest) -> None:
    import_path.activate(request.config.rootpath)
    assert sys.path[0] == str(request.config.rootpath)


def test_processes_inherit_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rides_model.py").write_text("NAME = __name__\n")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    import_path.activate(tmp_path)
    import_path.activate(tmp_path)
    assert os.environ["PYTHONPATH"] == f"{tmp_path}:/elsewhere"
    program = "import rides_model; print(rides_model.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.strip() == str(tmp_path / "rides_model.py")
