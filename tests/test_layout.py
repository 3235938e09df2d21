"""The layout: folders stay small, imports run one way, and no file grows too long."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

import grimp
import pytest

from tests.conftest import PROJECT

_PACKAGES = ("pipeline", "models", "schema", "serving")
_FOLDERS = (*_PACKAGES, "scripts")
_MAX_LINES = 400
_MAX_SIBLINGS = 13
_MAX_ENTRIES = 20
_MAX_LEVELS = 12


def _python_files() -> list[Path]:
    folders = (*_PACKAGES, "scripts", "tests")
    return [file for folder in folders for file in sorted((PROJECT / folder).rglob("*.py"))]


def _entries(folder: Path) -> list[str]:
    return [
        path.name
        for path in folder.iterdir()
        if path.name not in ("__init__.py", "__pycache__", "py.typed")
    ]


@cache
def _imports() -> dict[str, set[str]]:
    """Return the imported modules of each module of pipeline/; a package is its __init__.py."""
    graph = grimp.build_graph(*_PACKAGES, include_external_packages=False)
    return {
        module: {
            imported
            for imported in graph.find_modules_directly_imported_by(module)
            if imported.startswith("pipeline")
        }
        for module in graph.modules
        if module.startswith("pipeline")
    }


def _cycles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Return the strongly connected components with more than one module (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    cycles = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for imported in imports.get(module, ()):
            if imported not in index:
                visit(imported)
                low[module] = min(low[module], low[imported])
            elif imported in stack:
                low[module] = min(low[module], index[imported])
        if low[module] == index[module]:
            component = set()
            while True:
                member = stack.pop()
                component.add(member)
                if member == module:
                    break
            if len(component) > 1:
                cycles.append(component)

    for module in imports:
        if module not in index:
            visit(module)
    return cycles


def _entry(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _entry_imports() -> dict[str, set[str]]:
    """Return the imports between the entries of pipeline/: its folders and files."""
    imports: dict[str, set[str]] = defaultdict(set)
    for module, targets in _imports().items():
        imports[_entry(module)] |= {_entry(target) for target in targets} - {_entry(module)}
    return dict(imports)


def test_no_module_of_the_pipeline_is_in_an_import_cycle() -> None:
    assert _cycles(_imports()) == []


def test_no_folder_of_the_pipeline_is_in_an_import_cycle() -> None:
    assert _cycles(_entry_imports()) == []


def test_the_pipeline_has_few_entries_on_few_levels() -> None:
    assert len(_entries(PROJECT / "pipeline")) <= _MAX_ENTRIES
    imports = _entry_imports()

    @cache
    def level(entry: str) -> int:
        return 1 + max((level(target) for target in imports.get(entry, ())), default=0)

    assert max(level(entry) for entry in imports) <= _MAX_LEVELS


@pytest.mark.parametrize("package", _FOLDERS)
def test_no_folder_has_many_siblings(package: str) -> None:
    crowded = {
        str(folder.relative_to(PROJECT)): len(_entries(folder))
        for folder in [PROJECT / package, *(PROJECT / package).rglob("*/")]
        if folder.is_dir()
        and folder.name not in ("cli", "__pycache__")
        and folder != PROJECT / "pipeline"
        and len(_entries(folder)) > _MAX_SIBLINGS
    }
    assert crowded == {}


def test_no_python_file_is_long() -> None:
    long = {
        str(file.relative_to(PROJECT)): lines
        for file in _python_files()
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > _MAX_LINES
    }
    assert long == {}
