"""What libraries print, in Python or natively, is in the log and not on the terminal."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

_NOISE = """
    import logging, os, sys, warnings
    from pathlib import Path
    from pipeline.cli.terminal import library_output_to

    def noise(where):
        print("print", where)
        warnings.warn(f"warning {where}")
        logging.getLogger("library").error("logging %s", where)
        os.write(1, f"native out {where}\\n".encode())
        os.write(2, f"native err {where}\\n".encode())
        os.system(f"echo child {where}")
"""


def _python(code: str, log: Path) -> subprocess.CompletedProcess[str]:
    program = textwrap.dedent(_NOISE) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program, log], capture_output=True, text=True, check=False
    )


def test_library_output_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "run.log"
    done = _python(
        """
        with library_output_to(Path(sys.argv[1])) as terminal:
            noise("inside")
            terminal.write("shown\\n")
        """,
        log,
    )
    assert (done.stdout, done.stderr) == ("shown\n", "")
    kept = log.read_text()
    for kind in ("print", "warning", "logging", "native out", "native err", "child"):
        assert f"{kind} inside" in kept


def test_afterwards_the_terminal_is_as_before(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    done = _python(
        """
        print("before")
        with library_output_to(Path(sys.argv[1])):
            pass
        print("after")
        print("mishap", file=sys.stderr)
        """,
        log,
    )
    assert (done.stdout, done.stderr) == ("before\nafter\n", "mishap\n")
    assert log.read_text() == ""


def test_an_error_inside_restores_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    done = _python(
        """
        try:
            with library_output_to(Path(sys.argv[1])):
                print("half a line", end="")
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            print("caught")
        """,
        log,
    )
    assert (done.stdout, done.stderr) == ("caught\n", "")
    assert log.read_text() == "half a line"


def test_what_is_said_while_python_ends_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    done = _python(
        """
        class Library:
            def __del__(self):
                os.write(2, b"complaint")

        kept = Library()
        with library_output_to(Path(sys.argv[1])):
            pass
        """,
        log,
    )
    assert done.stderr == ""
    assert log.read_text() == "complaint"


def test_an_existing_log_is_continued(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("first\n")
    _python(
        """
        with library_output_to(Path(sys.argv[1])):
            print("second")
        """,
        log,
    )
    assert log.read_text() == "first\nsecond\n"


def test_a_log_that_cannot_be_written_leaves_the_terminal_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = _python(
        """
        try:
            with library_output_to(Path(sys.argv[1])):
                pass
        except OSError as error:
            print("refused", error.filename)
        """,
        tmp_path / "file" / "run.log",
    )
    assert done.stdout == f"refused {tmp_path / 'file'}\n"
