"""`taxiway init`: from a table to a project, in one command."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from sklearn import datasets

from pipeline.settings import loading
from tests import actionlint
from tests.conftest import PROJECT, taxiway

_FILES = {"features.toml", "policy.toml", "schema.pbtxt", "taxiway.toml"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(PROJECT / "tests/data/penguins.csv", tmp_path)
    return tmp_path


def _init(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return taxiway("init", "penguins.csv", "--label", "species", *args, cwd=folder)


def _names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_the_files_are_written_and_every_decision_is_printed(folder: Path) -> None:
    done = _init(folder, "--positive", "Adelie", "--dir", "p")
    assert done.returncode == 0, done.stderr
    assert _names(folder / "p") == _FILES
    for column in ("species", "island", "bill_length_mm", "body_mass_g", "sex", "year"):
        assert column in done.stdout
    assert "suspected leak: it alone has an AUC of 0.99" in done.stdout
    assert "small table: " in done.stdout
    assert "flatters a model on data that changes in time" in done.stdout
    assert done.stdout.splitlines()[-1] == "Next   taxiway run --settings p/taxiway.toml"


def test_json_has_the_decisions_the_files_and_the_next_step(folder: Path) -> None:
    done = _init(folder, "--positive", "Adelie", "--json")
    assert done.returncode == 0, done.stdout
    result = json.loads(done.stdout)
    assert set(result["files"]) == _FILES == _names(folder) - {"penguins.csv"}
    columns = {column["column"]: column for column in result["columns"]}
    assert columns["bill_depth_mm"]["role"] == "numeric"
    assert 0 < columns["bill_depth_mm"]["missing"] < 0.02
    assert columns["bill_length_mm"]["role"] == "left out"
    assert result["rows"]["train"] + result["rows"]["eval"] == 344
    assert (result["written"], result["next"]) == (True, "taxiway run")


def test_a_dry_run_prints_the_same_and_writes_nothing(folder: Path) -> None:
    dry = _init(folder, "--positive", "Adelie", "--dir", "p", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert _names(folder) == {"penguins.csv"}
    written = _init(folder, "--positive", "Adelie", "--dir", "p")
    assert dry.stdout.replace("Would write", "Wrote") in written.stdout


def test_existing_files_are_named_and_kept_unless_forced(folder: Path) -> None:
    (folder / "features.toml").write_text("mine")
    refused = _init(folder, "--positive", "Adelie")
    assert refused.returncode == 2
    assert "already features.toml; nothing is written" in refused.stderr
    assert _names(folder) == {"penguins.csv", "features.toml"}
    assert (folder / "features.toml").read_text() == "mine"
    forced = _init(folder, "--positive", "Adelie", "--force")
    assert forced.returncode == 0, forced.stderr
    assert _names(folder) == _FILES | {"penguins.csv"}


def test_more_classes_are_refused_and_the_next_step_works(folder: Path) -> None:
    refused = _init(folder, "--dir", "p")
    assert refused.returncode == 2
    assert "more than two classes are not supported yet" in refused.stderr
    assert _names(folder) == {"penguins.csv"}
    [step] = [line for line in refused.stderr.splitlines() if line.startswith("Next")]
    program, *args = shlex.split(step.removeprefix("Next").partition("   (")[0])
    assert (program, args[-2:]) == ("taxiway", ["--positive", "Adelie"])
    done = taxiway(*args, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert _names(folder / "p") == _FILES


def test_a_number_is_refused_with_what_is_possible(tmp_path: Path) -> None:
    datasets.load_diabetes(as_frame=True).frame.to_csv(tmp_path / "diabetes.csv", index=False)
    done = taxiway("init", "diabetes.csv", "--label", "target", "--json", cwd=tmp_path)
    assert done.returncode == 2
    refused = json.loads(done.stdout)
    assert "predicting a number is not supported yet; it has 214 values" in refused["error"]
    assert "a column of 0 and 1" in refused["next"]
    assert _names(tmp_path) == {"diabetes.csv"}


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("missing.csv", "--label", "x"), 2, "no such file or folder"),
        (("penguins.csv", "--label", "spices"), 2, "did you mean species"),
        (("penguins.csv", "--label", "sex"), 3, "11 rows have no value in the label sex"),
        (("penguins.csv", "--label", "species", "--positive", "King"), 2, "but Adelie (152 rows)"),
        ((".", "--label", "species", "--dir", "p"), 2, "cannot be in the folder of the data"),
        (("penguins.csv", "--label", "species", "--time", "sex"), 3, "no readable sex"),
        (("penguins.csv", "--label", "species", "--name", "9!"), 2, "--name 9!"),
    ],
)
def test_what_cannot_be_used_is_refused_without_a_trace(
    folder: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    done = taxiway("init", *args, cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert message in done.stderr
    assert "Next" in done.stderr
    assert code == 3 or "source." not in done.stderr
    assert _names(folder) == {"penguins.csv"}


def test_the_workflow_is_valid_and_runs_in_the_project(folder: Path) -> None:
    done = _init(folder, "--positive", "Adelie", "--ci", "github")
    assert done.returncode == 0, done.stderr
    workflow = folder / ".github/workflows/train.yml"
    assert "taxiway run" in workflow.read_text()
    try:
        program = actionlint.program()
    except actionlint.Unavailable as reason:
        pytest.skip(str(reason))
    checked = subprocess.run([program, workflow], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_own_code_is_added_where_the_settings_name_it(folder: Path) -> None:
    done = _init(folder, "--positive", "Adelie", "--code", "--name", "pen-guins")
    assert done.returncode == 0, done.stderr
    settings = loading.load(folder / "taxiway.toml")
    assert settings.name == "pen-guins"
    assert settings.train.run_fn == "pen_guins_code.trainer.run_fn"
    assert (folder / "pen_guins_code" / "trainer.py").is_file()
    checked = taxiway("doctor", "--json", cwd=folder)
    checks = {check["name"]: check for check in json.loads(checked.stdout)["checks"]}
    assert checks["files"]["passed"], checks["files"]
    assert checks["source"]["passed"], checks["source"]
