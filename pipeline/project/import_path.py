"""Put the folder of the user's own code first on the import path."""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.project.source_code import TAXIWAY

# Names that no package imports: scripts of Taxiway's own, and what some packages install beside
# their own by mistake.
_NEVER_IMPORTED = frozenset({
    "benchmarks", "conftest", "docs", "examples", "kubeflow_runner", "local_runner", "scripts",
    "setup", "test", "tests",
})  # fmt: skip


# The folder of the user's own code; none before `activate`.
_folders: list[Path] = []


def own_folder() -> Path | None:
    """Return the folder that `activate` put first on the import path."""
    return _folders[-1] if _folders else None


def activate(folder: Path) -> None:
    """Put a folder first on the import path of this process and of the processes that it starts.

    Args:
      folder: folder of the user's own code.

    Raises:
      UsageError: a module or package in the folder has the name of another that Taxiway imports.
    """
    folder = folder.resolve()
    others = [entry for entry in sys.path if Path(entry).resolve() != folder]
    for entry in _modules(folder):
        _refuse_same_name(entry, others)
    sys.path[:] = [str(folder), *others]
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [entry for entry in inherited if entry and Path(entry).resolve() != folder]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *paths])
    importlib.invalidate_caches()
    _folders[:] = [folder]


def _modules(folder: Path) -> Iterator[Path]:
    """Yield the modules and packages of a folder, as Python imports them."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:  # there is no own code
        return
    for entry in entries:
        is_module = entry.suffix == ".py" and entry.stem.isidentifier()
        is_package = entry.name.isidentifier() and (
            (entry / "__init__.py").is_file()
            # Python prefers Taxiway's package, so a package without __init__.py is never imported.
            or (entry.name in TAXIWAY and any(entry.glob("*.py")))
        )
        if is_module or is_package:
            yield entry


def _refuse_same_name(entry: Path, others: list[str]) -> None:
    name = entry.stem
    if name in TAXIWAY:
        if not _is_taxiway(entry):
            raise _refusal(entry, f"Taxiway has a package called {name}")
    elif name in _NEVER_IMPORTED:
        return
    elif name in sys.stdlib_module_names:
        raise _refusal(entry, f"Python's standard library has a module called {name}")
    else:
        spec = importlib.machinery.PathFinder.find_spec(name, others)
        # Without an origin, it is a folder without __init__.py, which hides nothing.
        if spec is not None and spec.origin and Path(spec.origin).resolve() != _file(entry):
            raise _refusal(entry, f"an installed package is called {name} too ({spec.origin})")


def _is_taxiway(entry: Path) -> bool:
    spec = importlib.machinery.PathFinder.find_spec("pipeline", [str(entry.parent)])
    return (
        spec is not None and spec.origin is not None
        and Path(spec.origin).samefile(Path(__file__).parents[1] / "__init__.py")
    )  # fmt: skip


def _file(entry: Path) -> Path:
    return (entry if entry.suffix else entry / "__init__.py").resolve()


def _refusal(entry: Path, reason: str) -> UsageError:
    return UsageError(
        f"{entry}: {reason}, and Python would import one in place of the other.",
        f"rename {entry.name}, or set `code` to another folder",
    )
