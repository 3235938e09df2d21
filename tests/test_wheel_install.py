"""A wheel in an empty environment runs a project outside of the clone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.documents import Document
from tests.test_wheel import wheel  # noqa: F401 (a fixture)

pytestmark = pytest.mark.slow

_UV = PROJECT / ".uv" / "bin" / "uv"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """The folder of commands of an environment, made as docs/own-code.md states."""
    folder = tmp_path_factory.mktemp("installed")
    [script] = [
        text for text in Document(PROJECT / "docs/own-code.md").blocks("sh") if "pip wheel" in text
    ]
    [pins] = re.findall(r"^grep .*$", script, re.MULTILINE)
    shutil.copy(PROJECT / "requirements.lock", folder)
    subprocess.run(pins, shell=True, cwd=folder, check=True)
    # uv has the downloads of the clone's own environment in its cache.
    subprocess.run([_UV, "venv", "--quiet", "--python", sys.executable, folder / "env"], check=True)
    [options] = re.findall(r"/pip install (--constraint constraints\.txt) dist", script)
    subprocess.run(
        [_UV, "pip", "install", "--quiet", "--python", folder / "env" / "bin" / "python",
         *options.split(), wheel],
        cwd=folder, check=True,
    )  # fmt: skip
    return folder / "env" / "bin"


def test_a_project_with_code_of_its_own_runs(
    installed: Path, taxi_csv: Path, tmp_path: Path
) -> None:
    project = tmp_path / "rides project"
    shutil.copytree(PROJECT / "tests/data/taxi", project)
    (project / "rides").mkdir()
    shutil.copy(taxi_csv / "data.csv", project / "rides" / "rides.csv")
    (project / "rides_model.py").write_text(
        "from models import trainer\n\n\ndef run_fn(fn_args):\n    trainer.run_fn(fn_args)\n"
    )
    settings = (project / "taxiway.toml").read_text()
    own = '[train]\nrun_fn = "rides_model.run_fn"\n'
    (project / "taxiway.toml").write_text(settings.replace("[train]\n", own))
    environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    shown = subprocess.run(
        [installed / "taxiway", "--help"], cwd=tmp_path, env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert "Take a model from data to take-off." in shown.stdout
    done = subprocess.run(
        [installed / "taxiway", "run", "--json", "--settings", project / "taxiway.toml"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert Path(result["model_dir"]) == project / "workspace/models/taxi/1"
    assert result["metrics"]["auc"] > 0.8
