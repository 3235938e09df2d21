"""The search of an interpreter and the guards of set-up, on machines of many kinds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

_TOOLS = ("bash", "cut", "sort", "cat", "uname", "sha256sum", "dirname", "touch", "rm", "flock")
# A shim of a pyenv version that is not active: it is on PATH, and fails.
_SHIM = "echo 'pyenv: python3.10: command not found' >&2; exit 127"


class Machine:
    """A folder of commands that takes the role of a machine's PATH, and a pyenv root."""

    def __init__(self, folder: Path, glibc: str = "2.36") -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.pyenv = folder / "pyenv"
        for tool in _TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)
        self.command(self.bin / "getconf", f"echo glibc {glibc}")
        self.uv = self.command(folder / "uv", "exit 2")

    def command(self, file: Path, script: str) -> Path:
        """Write a shell script."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    def python(self, file: Path, version: str) -> Path:
        """Write what behaves as an interpreter with headers: it says so for its version only."""
        return self.command(file, f'[ "$2" = "{version}" ] && echo {file}')

    def run(self, script: str, *words: str | Path, cwd: Path = PROJECT) -> tuple[int, str, str]:
        done = subprocess.run(
            [f"scripts/{script}", *words],
            cwd=cwd,
            env={"PATH": str(self.bin), "PYENV_ROOT": str(self.pyenv), "HOME": "/nowhere"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def finds(self) -> Path | None:
        code, out, _ = self.run("find_python.sh", self.uv)
        return Path(out.strip()) if code == 0 else None


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_python_on_the_path_is_taken(machine: Machine) -> None:
    python = machine.python(machine.bin / "python3.10", "3.10")
    assert machine.finds() == python


def test_a_real_interpreter_is_named_by_its_real_path(machine: Machine) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    machine.command(machine.bin / "getconf", "echo glibc 2.41")
    machine.command(machine.bin / f"python{version}", f'exec {sys.executable} "$@"')
    assert machine.finds() == Path(sys.executable)


def test_a_shim_of_an_inactive_version_is_passed_over(machine: Machine) -> None:
    machine.command(machine.bin / "python3.10", _SHIM)
    python = machine.python(machine.pyenv / "versions/3.10.13/bin/python", "3.10")
    assert machine.finds() == python


def test_an_interpreter_of_another_version_is_passed_over(machine: Machine) -> None:
    machine.python(machine.bin / "python3.10", "3.9")
    assert machine.finds() is None


def test_old_glibc_takes_no_newer_python(machine: Machine) -> None:
    machine.python(machine.bin / "python3.12", "3.12")
    machine.python(machine.pyenv / "versions/3.11.7/bin/python", "3.11")
    assert machine.finds() is None


def test_new_glibc_prefers_the_newer_python(tmp_path: Path) -> None:
    machine = Machine(tmp_path, glibc="2.38")
    machine.python(machine.bin / "python3.10", "3.10")
    python = machine.python(machine.pyenv / "versions/3.12.1/bin/python", "3.12")
    assert machine.finds() == python


def test_new_glibc_is_content_with_the_older_python(tmp_path: Path) -> None:
    machine = Machine(tmp_path, glibc="2.41")
    python = machine.python(machine.bin / "python3.10", "3.10")
    assert machine.finds() == python


def test_without_getconf_the_older_line_is_chosen(machine: Machine) -> None:
    (machine.bin / "getconf").unlink()
    machine.python(machine.bin / "python3.13", "3.13")
    python = machine.python(machine.bin / "python3.10", "3.10")
    assert machine.finds() == python


def test_uv_s_own_python_comes_last(machine: Machine, tmp_path: Path) -> None:
    brought = machine.python(tmp_path / "brought", "3.10")
    machine.command(machine.uv, f'[ "$2" = find ] && echo {brought}')
    assert machine.finds() == brought
    on_path = machine.python(machine.bin / "python3.10", "3.10")
    assert machine.finds() == on_path


def test_uv_downloads_a_python_when_none_is_there(machine: Machine, tmp_path: Path) -> None:
    downloaded = machine.python(tmp_path / "downloaded", "3.10")
    there = tmp_path / "there"
    machine.command(
        machine.uv,
        f'if [ "$2" = install ]; then touch {there}; else [ -e {there} ] && echo {downloaded}; fi',
    )
    assert machine.finds() == downloaded


def test_without_any_python_it_says_what_to_install(machine: Machine) -> None:
    code, out, err = machine.run("find_python.sh", machine.uv)
    assert (code, out) == (2, "")
    assert "no Python 3.10 with its headers" in err
    assert "pyenv install 3.10" in err
    assert "apt install python3.10-dev" in err


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that set-up reads, without an environment."""
    folder = tmp_path / "clone"
    (folder / "scripts").mkdir(parents=True)
    for name in ("scripts/setup.sh", "scripts/find_python.sh", "requirements.lock"):
        shutil.copy2(PROJECT / name, folder / name)
    (folder / "pyproject.toml").touch()
    return folder


def test_another_platform_is_refused(machine: Machine, clone: Path) -> None:
    (machine.bin / "uname").unlink()
    machine.command(machine.bin / "uname", "echo Darwin arm64")
    code, _, err = machine.run("setup.sh", "requirements.lock", cwd=clone)
    assert code == 2
    assert "this is Darwin arm64" in err


def test_a_missing_compiler_is_named_with_its_package(machine: Machine, clone: Path) -> None:
    code, _, err = machine.run("setup.sh", "requirements.lock", cwd=clone)
    assert code == 2
    assert "needs g++" in err
    assert "apt install g++" in err
    assert "dnf install gcc-c++" in err


def test_a_python_without_venv_is_named_with_its_package(machine: Machine, clone: Path) -> None:
    machine.command(machine.bin / "g++", "exit 0")
    machine.command(machine.bin / "python3", "exit 1")
    code, _, err = machine.run("setup.sh", "requirements.lock", cwd=clone)
    assert code == 2
    assert "apt install python3-venv" in err
    assert not (clone / ".uv").exists()


_UV = r"""
echo "$*" >> {calls}
case "$*" in
  --version) echo uv 0.13.9 ;;
  *"pip install"*) exit {installs} ;;
  *venv*) mkdir -p .venv/bin; ln -sf {python} .venv/bin/python ;;
esac
"""


class _Clone:
    """A clone whose uv notes what it is asked for, and makes an empty environment."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine = machine
        self._folder = folder
        self._calls = folder / "calls"
        for tool in ("mkdir", "ln"):
            (machine.bin / tool).symlink_to(shutil.which(tool) or tool)
        machine.command(machine.bin / "g++", "exit 0")
        machine.command(machine.bin / "getconf", "echo glibc 2.41")
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        machine.command(machine.bin / name, f'exec {sys.executable} "$@"')

    def set_up(self, installs: int = 0) -> tuple[int, str]:
        """Return the exit code, and what uv was asked for."""
        self._calls.write_text("")
        uv = _UV.format(calls=self._calls, installs=installs, python=sys.executable)
        self._machine.command(self._folder / ".uv/bin/uv", uv)
        code, _, _ = self._machine.run("setup.sh", "requirements.lock", cwd=self._folder)
        return code, self._calls.read_text()

    def edit(self, name: str) -> None:
        with (self._folder / name).open("a", encoding="utf-8") as file:
            file.write("# edited\n")


@pytest.fixture
def fresh(machine: Machine, clone: Path) -> _Clone:
    return _Clone(machine, clone)


def test_set_up_is_done_once(fresh: _Clone) -> None:
    code, calls = fresh.set_up()
    assert code == 0
    assert "venv --clear" in calls
    assert "--require-hashes --compile-bytecode --requirement requirements.lock" in calls
    assert "--editable ." in calls
    assert fresh.set_up() == (0, "")


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_is_installed_into_the_same_environment(fresh: _Clone, name: str) -> None:
    fresh.set_up()
    fresh.edit(name)
    code, calls = fresh.set_up()
    assert code == 0
    assert "pip install" in calls
    assert "venv --clear" not in calls
    assert fresh.set_up() == (0, "")


def test_half_done_set_up_is_made_anew(fresh: _Clone) -> None:
    code, _ = fresh.set_up(installs=1)
    assert code == 1
    code, calls = fresh.set_up()
    assert code == 0
    assert "venv --clear" in calls
    assert fresh.set_up() == (0, "")


def test_the_scripts_can_be_run() -> None:
    for script in (*PROJECT.glob("scripts/*.sh"), PROJECT / ".ci/run"):
        assert os.access(script, os.X_OK), script
