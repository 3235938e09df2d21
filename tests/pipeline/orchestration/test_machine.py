"""Failures of the machine are named, with a next step."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import InfrastructureError
from pipeline.orchestration import launch, machine


class _Foreign(Exception):
    """An error of a library."""


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/w/x"), "the disk is full: /w/x"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "the disk is full"),
        (_Foreign("writing part 3; No space left on device"), "the disk is full"),
        (_Foreign("database or disk is full"), "the disk is full"),
        (MemoryError(), "there is too little memory"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "there is too little memory"),
        (ImportError("x.so: failed to map segment from shared object"), "too little memory"),
        (RuntimeError("can't start new thread"), "there is too little memory"),
        (_Foreign("OOM when allocating tensor with shape[9]"), "there is too little memory"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "its file system is read-only"),
        (_Foreign("attempt to write a readonly database"), "its file system is read-only"),
        (_Foreign("Cannot execute query: database is locked"), "has locked the database"),
    ],
    ids=str,
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_the_machine_lacks_is_named(error: Exception, says: str, wrapped: bool) -> None:
    with pytest.raises(InfrastructureError) as caught, launch.explain_errors("Trainer"):
        if wrapped:
            raise _Foreign("the component failed") from error
        raise error
    assert caught.value.what.startswith("Trainer failed because ")
    assert says in caught.value.what
    assert caught.value.next_step.endswith("completed components are not repeated")
    assert caught.value.exit_code == 5


def test_other_errors_are_not_the_machine_s() -> None:
    assert machine.explain(ValueError("bad value")) is None
    assert machine.explain(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None


def test_the_limit_of_the_shell_is_named(tmp_path: Path) -> None:
    code = (
        "from pipeline.orchestration import launch\n"
        "with launch.explain_errors('Trainer'):\n    bytes(8 * 10**9)\n"
    )
    command = f'ulimit -v 3000000; exec {sys.executable} -c "$CODE"'
    done = subprocess.run(
        ["bash", "-c", command], env=os.environ | {"CODE": code}, cwd=Path(__file__).parents[3],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "the limit of this shell is 3,000,000 kB of address space (ulimit -v)" in done.stderr
