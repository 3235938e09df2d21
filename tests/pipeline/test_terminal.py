"""Library output stays off the terminal."""

import subprocess
import sys
from pathlib import Path


def test_only_the_yielded_stream_reaches_the_terminal(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib; from pipeline.terminal import library_output_to\n"
        f"with library_output_to(pathlib.Path({str(tmp_path / 'logs' / 'x.log')!r})) as terminal:\n"
        "    print('library'); os.write(2, b'native\\n'); print('user', file=terminal)\n"
        "print('after')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("user\nafter\n", "", 0)
    assert sorted((tmp_path / "logs" / "x.log").read_text().split()) == ["library", "native"]
