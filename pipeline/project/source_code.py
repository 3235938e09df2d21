"""Inspect the files of Python modules without importing the modules."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

TAXIWAY = frozenset({"pipeline", "models", "schema", "serving"})

# Folders of installed packages; the lock states what is in them.
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def files(module: str) -> Mapping[str, Path]:
    """Return the files of a module and of all code that it imports, by name.

    Imports from Taxiway's packages, from the module's own package, and from all code that is not
    installed are followed. A package whose `__init__.py` has no code is left out because it cannot
    change a result. A user's package counts with its other files too, such as a list of values that
    its code reads; their names are paths.

    Args:
      module: dotted name of the module.

    Raises:
      SyntaxError: a file is not Python code.
    """
    followed = TAXIWAY | {_top(module)}
    paths: dict[str, Path] = {}
    visited: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        file = None if name in visited else find(name)
        visited.add(name)
        if file is None or not (_top(name) in followed or _is_own(name, file)):
            continue
        is_package = file.name == "__init__.py"
        package = name if is_package else name.rpartition(".")[0]
        tree = parse(file)
        pending += _imports(tree, package)
        if package and _top(name) not in TAXIWAY:
            # Python runs the code of every package that contains the module.
            pending.append(package if package != name else name.rpartition(".")[0])
            paths |= _other_files(package, file.parent)
        if not is_package or _has_code(tree):
            paths[name] = file
    return dict(sorted(paths.items()))


def find(module: str) -> Path | None:
    """Return the file of a module; None if there is none.

    Args:
      module: dotted name of the module.
    """
    parts = module.split(".")
    spec = _find_top(parts[0])
    for end in range(2, len(parts) + 1):
        if spec is None or spec.submodule_search_locations is None:
            return None
        # `importlib.util.find_spec` would import the packages that contain the module.
        locations = list(spec.submodule_search_locations)
        spec = PathFinder.find_spec(".".join(parts[:end]), locations)
    if spec is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        return None
    return Path(str(spec.origin))


def parse(file: Path) -> ast.Module:
    """Parse a file.

    Args:
      file: file of a module.

    Raises:
      SyntaxError: the file is not Python code.
    """
    return ast.parse(file.read_bytes(), str(file))


def _find_top(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name) if name else None
    except ValueError:  # the running module, such as __main__, has no spec
        return None


def _top(module: str) -> str:
    return module.partition(".")[0]


def _is_own(module: str, file: Path) -> bool:
    """Return whether a module is code of the user that is not installed."""
    return _top(module) not in sys.stdlib_module_names and not _INSTALLED & set(file.parts)


def _other_files(package: str, folder: Path) -> dict[str, Path]:
    prefix = package.replace(".", "/")
    return {
        f"{prefix}/{file.name}": file
        for file in folder.iterdir()
        if file.is_file() and file.suffix not in (".py", ".pyc") and not file.name.startswith(".")
    }


def _has_code(tree: ast.Module) -> bool:
    docstring = tree.body[:1] if ast.get_docstring(tree) is not None else []
    return tree.body != docstring


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = import_source(node, package)
            if source is not None:
                yield source
                yield from (f"{source}.{alias.name}" for alias in node.names)


def import_source(node: ast.ImportFrom, package: str) -> str | None:
    """Return the absolute name of the module that a `from … import` reads.

    Args:
      node: the statement.
      package: package that contains the statement; "" for a module outside of packages.

    Returns:
      The name; None if the import goes beyond the top-level package.
    """
    name = "." * node.level + (node.module or "")
    try:
        return importlib.util.resolve_name(name, package) if node.level else name
    except ImportError:
        return None
