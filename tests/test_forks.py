"""A forked process ends and prints as one that was started."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests import forks
from tests.conftest import installed_taxiway, taxiway


def _tell(args: list[str]) -> int:
    print(Path.cwd(), os.environ["TOLD"], *args, "tests.preloaded" in sys.modules)
    print("trouble", file=sys.stderr)
    return 7


def _kill_itself(args: list[str]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_its_folder_environment_output_and_exit_code_are_its_own(tmp_path: Path) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    process = forks.start(_tell, ["a", "b c"], {"TOLD": "yes"}, tmp_path, out, err)
    process.join()
    assert process.exitcode == 7
    assert out.read_text() == f"{tmp_path} yes a b c True\n"
    assert err.read_text() == "trouble\n"


def test_a_signal_is_a_negative_exit_code(tmp_path: Path) -> None:
    file = tmp_path / "out"
    process = forks.start(_kill_itself, [], os.environ, tmp_path, file, file)
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("args", [["settings"], ["run", "--bogus"], ["settings", "--json", "-x"]])
def test_the_command_behaves_as_the_installed_one(args: list[str], tmp_path: Path) -> None:
    forked, installed = taxiway(*args, cwd=tmp_path), installed_taxiway(*args, cwd=tmp_path)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        installed.returncode, installed.stdout, installed.stderr,
    )  # fmt: skip
