"""Search logs for deprecation warnings about the project's own files.

usage: python -m scripts.lines.own_warnings FOLDER       searches every *.log under the folder
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
_PACKAGES = ("pipeline", "models", "schema", "serving")
# TFX calls this method of protobuf, and protobuf reports the caller of TFX.
_TFX_WARNING = "label() is deprecated"


def main(folder: Path, checkout: Path = _CHECKOUT) -> int:
    """Print every warning once; return 1 if there is one, or if there is no log of a run.

    Args:
      folder: folder with the logs of runs under it.
      checkout: folder that the code of the runs was imported from.
    """
    logs = sorted(folder.rglob("*.log"))
    if not any(log.parent.name == "logs" for log in logs):
        print(f"{folder}: there is no log of a run to search for warnings.")
        return 1
    warnings = dict.fromkeys(line for log in logs for line in _own(log, checkout))
    for line in warnings:
        print(f"A warning about Taxiway's own code: {line}")
    return 1 if warnings else 0


def _own(log: Path, checkout: Path) -> Iterator[str]:
    # Python prints `file:line: Category: text`, TensorFlow `From file:line: name is deprecated`.
    # Text before that is ignored: a progress bar does not end its line, and loggers have prefixes.
    own = re.compile(
        rf"{re.escape(str(checkout))}/(?:{'|'.join(_PACKAGES)})/[^:]+:\d+: "
        r".*(?:deprecat|FutureWarning)",
        re.IGNORECASE,
    )
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if (match := own.search(line)) and _TFX_WARNING not in line:
            yield line[match.start() :]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
