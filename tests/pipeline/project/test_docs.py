"""The project of docs/own-code.md runs as it is written there."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import PROJECT, taxiway
from tests.documents import Document

pytestmark = pytest.mark.slow

_PAGE = Document(PROJECT / "docs/own-code.md")


@pytest.fixture(scope="module")
def project(taxi_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files, beside the data and schema of taxi rides."""
    folder = tmp_path_factory.mktemp("page") / "rides"
    shutil.copytree(PROJECT / "tests/data/taxi", folder)
    (folder / "rides").mkdir()
    shutil.copy(taxi_csv / "data.csv", folder / "rides" / "rides.csv")
    settings = re.sub(r"\[(train|tune)\].*", "", (folder / "taxiway.toml").read_text(), flags=re.S)
    [own] = _PAGE.blocks("toml")
    (folder / "taxiway.toml").write_text(settings + own)
    (folder / "rides_model").mkdir()
    (folder / "rides_model" / "__init__.py").touch()
    for code in _PAGE.blocks("python"):
        name = code.splitlines()[0].removeprefix("# ")
        (folder / name).write_text(code)
    return folder


def test_the_page_shows_every_file_of_its_package(project: Path) -> None:
    [tree] = [text for text in _PAGE.blocks("") if text.startswith("rides/")]
    shown = set(re.findall(r"\w+\.py", tree))
    assert {file.name for file in (project / "rides_model").iterdir()} == shown


def test_the_project_becomes_a_tuned_published_model(project: Path) -> None:
    done = taxiway("run", "--tune", "--json", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["version"] == 1
    assert result["metrics"]["auc"] > 0.7
    assert 0 < result["metrics"]["mean_squared_error"] < 0.2
    [summary] = [step["decision"] for step in result["steps"] if step["name"] == "InfraCheck"]
    assert "by all 2 signatures" in summary
    [run] = (project / "workspace/artifacts/Trainer/model_run").iterdir()
    assert list((run / "train").glob("events.out.*"))


def test_a_bound_of_a_further_metric_is_enforced(project: Path) -> None:
    settings = project / "taxiway.toml"
    settings.write_text(settings.read_text().replace("max = 0.2\n", "max = 0.01\n"))
    done = taxiway("run", "--tune", cwd=project)
    assert done.returncode == 4, done.stdout + done.stderr
    assert re.search(
        r"mean_squared_error \(overall\) is 0\.\d+; the maximum is 0\.01 \(exceeded by 0\.\d+\)",
        done.stderr,
    )
    assert [folder.name for folder in (project / "workspace/models/taxi").glob("[0-9]*")] == ["1"]
