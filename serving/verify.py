"""Load a SavedModel as TF Serving would, and call it, before anybody else does.

`python -m serving.verify FOLDER` prints what is wrong, and ends with 1 if anything is.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from pydantic import TypeAdapter

from serving.errors import DamagedModel
from serving.trial import REQUIRED, Signature, Signatures, check

TIMEOUT_SECONDS = 300.0

_DEFAULT = "serving_default"
_WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"
_ROWS = 2


_SIGNATURES = TypeAdapter(dict[str, Signature])


def in_fresh_process(
    folder: Path, expected: Signatures = REQUIRED, timeout: float = TIMEOUT_SECONDS
) -> None:
    """Verify a SavedModel in a process of its own, which may crash or hang without harm.

    Args:
      folder: the SavedModel's.
      expected: signatures that it must have, and that must answer.
      timeout: seconds it may take.

    Raises:
      DamagedModel: the model cannot be loaded or called, or an answer is not finite.
    """
    command = [
        *(sys.executable, "-m", "serving.verify", str(folder.resolve())),
        *("--timeout", str(timeout)),
        *("--expected", _SIGNATURES.dump_json(dict(expected)).decode()),
    ]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        command,
        cwd=Path(__file__).parent.parent,
        env=os.environ | quiet,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    if done.returncode == -signal.SIGALRM:
        problems = f"not loaded and called within {timeout:g} s"
    elif done.returncode == 1 and done.stdout:
        problems = "; ".join(done.stdout.splitlines())
    else:
        problems = f"its process ended with {done.returncode}: {_last_line(done.stderr)}"
    raise DamagedModel(
        folder, f"the model cannot be served: {problems}", "correct the model, and export it again"
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def _main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m serving.verify", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, metavar="SECONDS")
    parser.add_argument("--expected", type=_SIGNATURES.validate_json, default=REQUIRED)
    options = parser.parse_args(arguments)
    # Ends this process even when a call hangs in C++, and when who started it was killed.
    signal.setitimer(signal.ITIMER_REAL, options.timeout)
    for unused in ("keras", "googleapiclient"):
        # TensorFlow imports them if it can; that takes longer than all the rest.
        sys.modules[unused] = None  # type: ignore[assignment]
    problems = check(options.folder, options.expected)
    for problem in problems:
        print(problem)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
