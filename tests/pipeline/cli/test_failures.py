"""Errors as users see them, on a terminal and as JSON."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, taxiway


def test_wrong_settings_exit_2_and_name_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "taxiway.toml"
    file.write_text("[train]\nepoch = 3\n")
    done = taxiway("run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Stopped: taxiway.toml: unknown key train.epoch; did you mean epochs?\n"
        "Next   taxiway settings --schema\n"
    )


def test_an_error_is_one_json_object_when_asked(tmp_path: Path) -> None:
    done = taxiway("run", "--json", "--settings", tmp_path / "none.toml")
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout) == {
        "error": f"{tmp_path}/none.toml: no such settings file.",
        "next": f"taxiway settings > {tmp_path / 'none.toml'}",
        "exit_code": 2,
        "log_file": None,
        "report": None,
    }


# A stand-in for the runner meets what no wrong file can bring about.
_MISHAP = """
import sys
from pipeline import cli
from pipeline.local import runner

def mishap(*_):
    {mishap}

runner.run = mishap
cli.main(sys.argv[1:])
"""


def _mishap(code: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _MISHAP.format(mishap=code), *words],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_unexpected_error_is_a_sentence_and_a_log(tmp_path: Path) -> None:
    done = _mishap("raise ValueError('first line\\nsecond')", "run", "--workspace", tmp_path)
    assert (done.returncode, done.stdout) == (5, "")
    (log,) = (tmp_path / "logs").iterdir()
    assert done.stderr == (
        "Stopped: unexpected error: ValueError: first line\n"
        "Next   read the end of the log, and check the machine with `taxiway doctor`\n"
        f"Log    {log}\n"
    )
    assert "in mishap" in log.read_text()


def test_an_unexpected_error_is_json_when_asked(tmp_path: Path) -> None:
    done = _mishap("raise ValueError", "run", "--json", "--workspace", tmp_path)
    assert (done.returncode, done.stderr) == (5, "")
    error = json.loads(done.stdout)
    assert error["error"].endswith("ValueError: no message")
    assert "in mishap" in Path(error["log_file"]).read_text()


def test_an_unexpected_error_outside_a_run_is_logged_too() -> None:
    code = (
        "from pipeline import cli\nfrom pipeline.settings import loading\n"
        "loading.load_plain = None\ncli.main(['settings'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    log = Path(done.stderr.splitlines()[-1].removeprefix("Log    "))
    assert "'NoneType' object is not callable" in log.read_text()
    log.unlink()


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interruption_names_the_command_that_continues(tmp_path: Path, as_json: bool) -> None:
    words = ["run", "--workspace", str(tmp_path / "a b"), *(["--json"] if as_json else [])]
    # Who was started in the background ignores it.
    heeds = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    done = _mishap(f"import signal; {heeds}; signal.raise_signal(signal.SIGINT)", *words)
    assert done.returncode == 128 + signal.SIGINT
    again = f"taxiway run --workspace '{tmp_path / 'a b'}'"
    if as_json:
        error = json.loads(done.stdout)
        assert (error["next"], error["exit_code"]) == (f"{again} --json", 130)
    else:
        assert done.stderr.endswith(f"Interrupted. Continue with:  {again}\n")


def test_a_reader_that_leaves_ends_the_run_quietly(tmp_path: Path) -> None:
    done = _mishap("raise BrokenPipeError(32, 'Broken pipe')", "run", "--workspace", tmp_path)
    assert (done.returncode, done.stderr) == (1, "")


def test_the_command_is_named_by_its_path_where_the_shell_does_not_find_it() -> None:
    done = subprocess.run(
        [".venv/bin/taxiway", "run", "--settings", "none.toml"],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Next   .venv/bin/taxiway settings > none.toml\n" in done.stderr
