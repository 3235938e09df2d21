"""Reporting deprecation warnings about the project's own files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.lines import own_warnings

_CHECKOUT = Path("/srv/taxiway-3.13")
_LIBRARY = f"{_CHECKOUT}/.venv/lib/python3.13/site-packages/google/auth.py:1: FutureWarning: old"


def _log(folder: Path, text: str) -> Path:
    file = folder / "workspace" / "logs" / "20130501-120000.log"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return folder


@pytest.mark.parametrize(
    "line",
    [
        f"{_CHECKOUT}/pipeline/pipeline.py:12: DeprecationWarning: old",
        f"{_CHECKOUT}/pipeline/sources/base.py:12: PendingDeprecationWarning: old",
        f"{_CHECKOUT}/models/trainer.py:12: FutureWarning: will change",
        f"{_CHECKOUT}/serving/storage/local.py:12: PydanticDeprecatedSince20: old",
        f"{_CHECKOUT}/schema/files.py:12: BeamDeprecationWarning: old",
    ],
)
@pytest.mark.parametrize("before", ["", "WARNING:py.warnings:", "60/60 - 8s \b\b"])
def test_a_warning_about_a_file_of_the_project_is_reported(
    line: str, before: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _log(tmp_path, f"{_LIBRARY}\n{before}{line}\n  code()\n{line}\n")
    assert own_warnings.main(folder, _CHECKOUT) == 1
    assert capsys.readouterr().out == f"A warning about Taxiway's own code: {line}\n"


def test_a_warning_in_tensorflows_format_is_reported(tmp_path: Path) -> None:
    warning = f"{_CHECKOUT}/models/trainer.py:12: f (from tensorflow.x) is deprecated and will be"
    assert own_warnings.main(_log(tmp_path, f"WARNING:tensorflow:From {warning}\n"), _CHECKOUT) == 1


@pytest.mark.parametrize(
    "line",
    [
        _LIBRARY,
        "/elsewhere/pipeline/pipeline.py:12: DeprecationWarning: old",
        f"{_CHECKOUT}/models/trainer.py:12: UserWarning: your input ran out of data",
        f'  File "{_CHECKOUT}/pipeline/pipeline.py", line 12, in deprecated',
        "WARNING:absl:`custom_executor_spec` is deprecated.",
        f"{_CHECKOUT}/pipeline/local/runner.py:12: DeprecationWarning: label() is deprecated. Use",
    ],
)
def test_a_warning_about_another_file_is_not_reported(line: str, tmp_path: Path) -> None:
    assert own_warnings.main(_log(tmp_path, f"{line}\n"), _CHECKOUT) == 0


def test_a_folder_without_logs_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set-up.log").touch()
    assert own_warnings.main(tmp_path) == 1
    assert "there is no log of a run" in capsys.readouterr().out


def test_a_warning_that_python_prints_about_this_checkout_is_reported(tmp_path: Path) -> None:
    # steps.sh sets the same variable. The code is compiled under the name of a file of the project.
    file = Path(own_warnings.__file__).parents[2] / "models" / "trainer.py"
    warn = "import warnings; warnings.warn('old', DeprecationWarning)"
    done = subprocess.run(
        [sys.executable, "-c", f"exec(compile({warn!r}, {str(file)!r}, 'exec'))"],
        env=os.environ | {"PYTHONWARNINGS": "default::DeprecationWarning"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert own_warnings.main(_log(tmp_path, done.stderr)) == 1
