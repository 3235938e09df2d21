"""`taxiway run`: what it prints, and how it exits."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, taxiway


def test_a_workspace_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = taxiway("run", "--workspace", tmp_path / "file" / "workspace")
    assert done.returncode == 2
    assert "the workspace cannot be written: Not a directory." in done.stderr
    assert "--workspace" in done.stderr


def test_a_failed_run_shows_the_step_the_reason_and_the_log(tmp_path: Path) -> None:
    done = taxiway("run", "--span", "209901", "--workspace", tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("✗ Source")
    assert "there is no span 209901; the source has 201301 to 201312" in done.stderr
    (log,) = (tmp_path / "logs").iterdir()
    assert done.stderr.endswith(f"Log    {log}\n")


def test_span_0_is_not_the_newest(tmp_path: Path) -> None:
    """A run on Kubeflow has 0 for the newest span, because its parameters are never empty."""
    done = taxiway("run", "--span", "0", "--workspace", tmp_path)
    assert done.returncode == 2
    assert "'--span': 0 is not in the range x>=1" in done.stderr


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("feature { nam: 3 }", "schema.pbtxt: not a valid schema: line 1, column 11"),
        ('feature { name: "late" type: INT }', "the schema has no numeric column distance"),
    ],
)
def test_a_schema_that_does_not_fit_is_named(tmp_path: Path, schema: str, says: str) -> None:
    (tmp_path / "schema.pbtxt").write_text(schema)
    (tmp_path / "features.toml").write_text('label = "late"\nnumeric = ["distance"]\n')
    (tmp_path / "taxiway.toml").write_text(
        'features = "features.toml"\nschema_file = "schema.pbtxt"\n'
    )
    done = taxiway("run", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_features_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "features.toml").write_text('label = "late"\nnumeric = ["late"]\n')
    (tmp_path / "taxiway.toml").write_text('features = "features.toml"\n')
    done = taxiway("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "features.toml" in done.stderr and "columns with two roles: late" in done.stderr


def test_the_runner_s_file_is_the_same_as_the_verb(tmp_path: Path) -> None:
    words = ["run", "--span", "1", "--workspace", str(tmp_path)]
    runner = subprocess.run(
        [sys.executable, PROJECT / "local_runner.py", *words[1:]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    verb = taxiway(*words)
    assert runner.returncode == verb.returncode == 2
    assert "there is no span 1" in runner.stderr
    assert runner.stderr.splitlines()[:2] == verb.stderr.splitlines()[:2]


def test_overrides_reach_the_runner(tmp_path: Path) -> None:
    code = """
import sys
from pipeline import cli
from pipeline.local import runner

def run(settings, observer, options, log_file):
    changed = options.apply(settings)
    values = changed.source.span, changed.source.window, options.tune, options.warm_start
    print(*values, changed.workspace, file=open("out", "w"))
    sys.exit()

runner.run = run
cli.main(sys.argv[1:])
"""
    file = tmp_path / "taxiway.toml"
    file.write_text("[source]\nspan = 201301\nwindow = 9\n")
    words = ["run", "--json", "--span", "201304", "--tune", "--workspace", "w"]
    subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, check=True)
    assert (tmp_path / "out").read_text() == f"201304 9 True False {tmp_path / 'w'}\n"


def test_a_search_and_a_warm_start_exclude_each_other() -> None:
    done = taxiway("run", "--tune", "--warm-start")
    assert done.returncode == 2
    assert done.stderr.startswith("Stopped: --tune and --warm-start exclude each other because ")


def test_malformed_rows_are_shown_and_kept(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "2012.csv").write_text("late,distance\n1,2\n0,3\n")
    (tmp_path / "rows" / "2013.csv").write_text("late,distance\n1,2\n1\n0,3,4\n")
    (tmp_path / "schema.pbtxt").write_text(
        'feature { name: "late" type: INT presence { min_fraction: 1 } '
        "int_domain { min: 0 max: 1 } } "
        'feature { name: "distance" type: INT }'
    )
    (tmp_path / "features.toml").write_text('label = "late"\nnumeric = ["distance"]\n')
    (tmp_path / "taxiway.toml").write_text(
        'features = "features.toml"\nschema_file = "schema.pbtxt"\n'
        '[source]\nkind = "folder"\npath = "rows"\n'
    )
    done = taxiway("run", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "2013.csv: 2 malformed rows" in done.stderr
    assert re.search(r"2013\.csv +│ line 3 +│ distance +│ missing columns", done.stderr)
    assert re.search(r"2013\.csv +│ line 4 +│ +│ too many columns", done.stderr)
    [kept] = (tmp_path / "workspace" / "quarantine").glob("*.csv")
    assert f"Rows   {kept}" in done.stderr
    assert kept.read_text().splitlines()[1].startswith("2013.csv,line 3,distance,missing columns")
    assert "Traceback" not in done.stderr
    [report] = (tmp_path / "workspace" / "reports").glob("*.html")
    assert f"Report {report}" in done.stderr
    assert '<td>distance</td><td class="wide">missing columns' in report.read_text()
    report.unlink()
    report.parent.rmdir()
    report.parent.write_text("a file in the folder's place")
    again = taxiway("run", cwd=tmp_path)
    assert again.returncode == 3  # the outcome stands
    assert "✗ Report                0.0 s  not written; read the log\n" in again.stdout


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (
            '[kinds.drift.features.seats]\nacton = "warn"\n',
            "unknown key kinds.drift.features.seats.acton; did you mean action?",
        ),
        ('[kinds.drifts]\naction = "stop"\n', "unknown key kinds.drifts; did you mean drift?"),
        ("[limits\n", "not a valid policy"),
        (None, "policy_file: there is no file"),
    ],
)
def test_a_wrong_policy_is_named(tmp_path: Path, policy: str | None, says: str) -> None:
    if policy is not None:
        (tmp_path / "policy.toml").write_text(policy)
    (tmp_path / "taxiway.toml").write_text(
        f'features = "{PROJECT}/models/flights.toml"\n'
        f'schema_file = "{PROJECT}/schema/schema.pbtxt"\npolicy_file = "policy.toml"\n'
    )
    done = taxiway("run", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "policy.toml" in done.stderr and says in done.stderr


def test_a_run_fn_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "taxiway.toml").write_text(
        f'features = "{PROJECT}/models/flights.toml"\n'
        f'schema_file = "{PROJECT}/schema/schema.pbtxt"\n[train]\nrun_fn = "models.trainer.fn"\n'
    )
    done = taxiway("run", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "train.run_fn: there is no function models.trainer.fn." in done.stderr
