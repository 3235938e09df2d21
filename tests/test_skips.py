"""A suite that is recorded as passed may skip nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

_CONFTEST = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from tests import skips

def pytest_configure(config):
    config.pluginmanager.register(skips.NoSkips())
"""


@pytest.mark.parametrize(("skipped", "code"), [("True", 1), ("False", 0)])
def test_a_skipped_test_fails_the_run(skipped: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "test_one.py").write_text(
        f"import pytest\n\n@pytest.mark.skipif({skipped}, reason='')\ndef test_one(): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert ("FAILED test_one.py::test_one: it was skipped" in done.stdout) == bool(code)
