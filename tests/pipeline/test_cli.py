"""The command, as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT, taxiway


def test_help_does_not_import_what_takes_time() -> None:
    code = (
        "import sys; from pipeline.cli import taxiway\n"
        "taxiway(['--help'], standalone_mode=False)\n"
        "slow = {'tensorflow', 'apache_beam', 'tfx', 'pydantic', 'rich', 'duckdb'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout and "doctor" in done.stdout


def test_wrong_settings_end_with_2_and_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "taxiway.toml").write_text("[train]\nepoch = 1\n")
    done = taxiway("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean epochs?" in done.stderr
    assert "Next   taxiway settings --schema" in done.stderr
    assert "Traceback" not in done.stderr


def test_errors_are_json_when_asked_for(tmp_path: Path) -> None:
    done = taxiway("run", "--json", "--settings", tmp_path / "missing.toml")
    assert done.returncode == 2
    assert json.loads(done.stdout)["exit_code"] == 2


def test_an_unknown_option_ends_with_2() -> None:
    done = taxiway("run", "--spam")
    assert done.returncode == 2
    assert "No such option" in done.stderr


def test_an_unknown_span_names_those_there_are(tmp_path: Path) -> None:
    done = taxiway("run", "--span", "209901", "--workspace", tmp_path / "w")
    assert done.returncode == 2
    assert "there is no span 209901; the source has 201301 to 201312" in done.stderr


def test_a_broken_features_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "features.toml").write_text('label = "late"\nnumeric = ["late"]\n')
    (tmp_path / "taxiway.toml").write_text('features = "features.toml"\n')
    done = taxiway("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "features.toml" in done.stderr and "columns with two roles: late" in done.stderr


def test_a_workspace_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = taxiway("run", "--workspace", tmp_path / "file" / "w")
    assert done.returncode == 5
    assert str(tmp_path / "file") in done.stderr


def test_settings_are_printed_as_a_settings_file() -> None:
    assert taxiway("settings").stdout == (PROJECT / "taxiway.toml").read_text()
    assert json.loads(taxiway("settings", "--schema").stdout)["title"] == "Settings"


def test_doctor_finds_this_machine_fit() -> None:
    done = taxiway("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0, done.stdout
    assert checks["packages"]["found"] == "as locked"


def test_doctor_names_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "taxiway.toml").write_text('features = "missing.toml"\n')
    done = taxiway("doctor", cwd=tmp_path)
    assert done.returncode == 5
    assert f"✗ features     {tmp_path / 'missing.toml'}" in done.stdout


def test_local_runner_is_taxiway_run() -> None:
    done = subprocess.run(
        [sys.executable, "local_runner.py", "--span", "1"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no span 1" in done.stderr
