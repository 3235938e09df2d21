"""Python modules as files, without importing them."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

_OWN = frozenset({"pipeline", "models", "schema", "serving"})


def has_function(path: str) -> bool:
    """Return whether a dotted path such as `models.trainer.run_fn` names a function."""
    module, _, name = path.rpartition(".")
    file = _file(module) if module else None
    if file is None:
        return False
    return any(
        isinstance(node, ast.FunctionDef) and node.name == name
        for node in ast.parse(file.read_bytes()).body
    )


def files(module: str) -> Mapping[str, Path]:
    """Return a module and all it imports from our packages and its own, as files by name."""
    packages = _OWN | {module.partition(".")[0]}
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _file(name)
        if name in found or file is None:
            continue
        found[name] = file
        waiting += [
            imported for imported in _imports(name, file) if imported.partition(".")[0] in packages
        ]
    return dict(sorted(found.items()))


def _file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # `from models.features import load`: load is no module
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _imports(module: str, file: Path) -> Iterator[str]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            source = importlib.util.resolve_name(name, package) if node.level else name
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
