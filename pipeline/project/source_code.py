"""Inspect the files of Python modules without importing the modules."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

_PACKAGES = frozenset({"pipeline", "models", "schema", "serving"})


def has_function(path: str) -> bool:
    """Return whether a dotted path names a function.

    Args:
      path: dotted path of the function, such as `models.trainer.run_fn`.
    """
    module, _, name = path.rpartition(".")
    file = _file(module) if module else None
    if file is None:
        return False
    return any(
        isinstance(node, ast.FunctionDef) and node.name == name
        for node in ast.parse(file.read_bytes()).body
    )


def files(module: str) -> Mapping[str, Path]:
    """Return the files of a module and of all modules that it imports, by module name.

    Only imports from Taxiway's packages and from the module's own package are followed. A package
    whose `__init__.py` has no code is left out because it cannot change a result.

    Args:
      module: dotted name of the module.
    """
    packages = _PACKAGES | {module.partition(".")[0]}
    paths: dict[str, Path] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        file = _file(name)
        if name in paths or file is None:
            continue
        is_package = file.name == "__init__.py"
        tree = ast.parse(file.read_bytes())
        if is_package and not _has_code(tree):
            continue
        paths[name] = file
        package = name if is_package else name.rpartition(".")[0]
        pending += [
            imported
            for imported in _imports(tree, package)
            if imported.partition(".")[0] in packages
        ]
    return dict(sorted(paths.items()))


def _file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # `load` in `from models.features import load` is not a module
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _has_code(tree: ast.Module) -> bool:
    docstring = tree.body[:1] if ast.get_docstring(tree) is not None else []
    return tree.body != docstring


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            source = importlib.util.resolve_name(name, package) if node.level else name
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
