"""The checker of GitHub's workflows, built once with Go and kept in the user's cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

VERSION = "v1.7.12"

_MODULE = "github.com/rhysd/actionlint/cmd/actionlint"
# What Go prints when it cannot reach the module proxy.
_OFFLINE = re.compile(r"dial tcp|no such host|connection refused|i/o timeout|proxyconnect")


class Unavailable(Exception):
    """actionlint cannot be built on this machine; the message states why."""


def program() -> Path:
    """Return the checker, which the first call builds.

    Raises:
      Unavailable: Go is missing, or Go cannot reach its module proxy.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taxiway"
    built = cache / f"actionlint-{VERSION}"
    if not built.exists():
        if shutil.which("go") is None:
            raise Unavailable("Go, which builds actionlint, is not installed")
        cache.mkdir(parents=True, exist_ok=True)
        # Two test processes may build at once, so each builds apart and the last rename wins.
        with tempfile.TemporaryDirectory(dir=cache, prefix=".actionlint-") as folder:
            _install(Path(folder))
            Path(folder, "actionlint").replace(built)
    return built


def _install(folder: Path) -> None:
    done = subprocess.run(
        ["go", "install", f"{_MODULE}@{VERSION}"],
        cwd=folder, env=os.environ | {"GOBIN": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode and _OFFLINE.search(done.stderr):
        raise Unavailable("Go cannot reach the module proxy for actionlint")
    if done.returncode:
        raise RuntimeError(done.stderr)
