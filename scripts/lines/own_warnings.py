"""Look for deprecation warnings that the project's own files earn.

usage: python -m scripts.lines.own_warnings FOLDER       looks through every *.log under it
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
_PACKAGES = ("pipeline", "models", "schema", "serving")
# TFX asks a protobuf descriptor, and protobuf blames whoever called TFX.
_OF_TFX = "label() is deprecated"


def main(folder: Path, checkout: Path = _CHECKOUT) -> int:
    """Print each warning once; return 1 when there is one, or no run to look through.

    Args:
      folder: with the logs of runs under it.
      checkout: that the runs' code was imported from.
    """
    logs = sorted(folder.rglob("*.log"))
    if not any(log.parent.name == "logs" for log in logs):
        print(f"{folder}: there is no log of a run to look for warnings in.")
        return 1
    found = dict.fromkeys(line for log in logs for line in _own(log, checkout))
    for line in found:
        print(f"A warning of our own making: {line}")
    return 1 if found else 0


def _own(log: Path, checkout: Path) -> Iterator[str]:
    # Python says `file:line: Category: text`, TensorFlow `From file:line: name is deprecated`. What
    # stands before that is let be: a progress bar leaves its line open, and loggers have prefixes.
    own = re.compile(
        rf"{re.escape(str(checkout))}/(?:{'|'.join(_PACKAGES)})/[^:]+:\d+: "
        r".*(?:deprecat|FutureWarning)",
        re.IGNORECASE,
    )
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if (said := own.search(line)) and _OF_TFX not in line:
            yield line[said.start() :]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
