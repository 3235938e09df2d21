"""Errors of the packages below `pipeline`, as the errors that have an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import InfrastructureError, NotBlessed, TaxiwayError, UsageError
from pipeline.registry.errors import as_cli_errors
from serving.client.errors import ModelNotFound, Unreachable
from serving.errors import DamagedModel, StoreBusy, Unblessed, UnknownVersion
from serving.onnx.errors import Disagrees, NotConvertible
from serving.sizing.errors import MachineBusy, ToolMissing

_FOLDER = Path("/models/flights")


@pytest.mark.parametrize(
    ("error", "kind", "message", "next_step"),
    [
        (UnknownVersion(_FOLDER, "a", "b"), UsageError, f"{_FOLDER}: a.", "b"),
        (DamagedModel(_FOLDER, "a", "b"), NotBlessed, f"{_FOLDER}: a.", "b"),
        (Unblessed(_FOLDER, "a", "b"), NotBlessed, f"{_FOLDER}: a.", "b"),
        (StoreBusy(_FOLDER, "a", "b"), InfrastructureError, f"{_FOLDER}: a.", "b"),
        (ToolMissing("a.", "b"), UsageError, "a.", "b"),
        (MachineBusy("a.", "b"), InfrastructureError, "a.", "b"),
        (NotConvertible("a", "b"), UsageError, "a.", "b"),
        (Disagrees("a", "b"), NotBlessed, "a.", "b"),
        (ModelNotFound("a"), UsageError, "a", "taxiway status"),
        (Unreachable("a"), InfrastructureError, "a", "taxiway serve"),
    ],
)
def test_an_error_gets_its_exit_code(
    error: Exception, kind: type[TaxiwayError], message: str, next_step: str
) -> None:
    with pytest.raises(TaxiwayError) as caught, as_cli_errors():
        raise error
    assert type(caught.value) is kind
    assert (caught.value.what, caught.value.next_step) == (message, next_step)
    assert caught.value.__cause__ is error
    assert caught.value.log_file is None


def test_the_log_is_named_in_every_error(tmp_path: Path) -> None:
    for error in (UsageError("a"), ToolMissing("a.", "b")):
        with pytest.raises(UsageError) as caught, as_cli_errors(tmp_path / "run.log"):
            raise error
        assert caught.value.log_file == tmp_path / "run.log"


@pytest.mark.parametrize("error", [ValueError("a"), KeyboardInterrupt(), OSError(28, "full")])
def test_another_error_stays_what_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, as_cli_errors():
        raise error
    assert caught.value is error


def test_the_translator_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from pipeline.registry.errors import as_cli_errors\n"
        "from serving.errors import StoreBusy\n"
        "try:\n    with as_cli_errors(): raise StoreBusy(Path('a'), 'b', 'c')\n"
        "except Exception: pass\n"
        "print(sorted({'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
