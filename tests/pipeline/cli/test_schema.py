"""`taxiway schema`, from a table of what changed to a changed file."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.errors import DataRefused, UsageError
from schema import columns
from tests.conftest import PROJECT, taxiway

_SCHEMA = """\
# Written by hand.
default_environment: "TRAINING"
default_environment: "SERVING"

feature {
  name: "carrier"
  type: BYTES
  presence { min_fraction: 1.0 }
  string_domain {
    # the big one
    value: "UA"
  }
  drift_comparator { }
}
# of departure
feature {
  name: "hour"
  type: INT
  presence { }
  int_domain { min: 0 max: 23 }
  drift_comparator { }
}
feature {
  name: "late"
  type: INT
  presence { min_fraction: 1.0 }
  int_domain { min: 0 max: 1 }
  not_in_environment: "SERVING"
  drift_comparator { }
}
"""
_SETTINGS = """\
schema_file = "schema.pbtxt"
[source]
kind = "folder"
path = "rows"
window = 1
"""

Command = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project, whose second month has a new carrier and a wrong hour."""
    (tmp_path / "schema.pbtxt").write_text(_SCHEMA)
    (tmp_path / "taxiway.toml").write_text(_SETTINGS)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "1.csv").write_text("carrier,hour,late\nUA,5,0\nUA,6,1\n")
    (tmp_path / "rows" / "2.csv").write_text("carrier,hour,late\nUA,5,0\nB6,24,1\n")
    return tmp_path


@pytest.fixture
def command(project: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `taxiway schema` in the project, in this process."""
    monkeypatch.chdir(project)

    def run(*words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(
            app.taxiway, ["schema", *words], input=stdin, standalone_mode=False
        )

    return run


def test_what_the_data_says_otherwise_is_shown(command: Command) -> None:
    shown = command("diff")
    assert shown.exit_code == 1
    rows = [[cell.strip() for cell in re.split("[│┃]", line)] for line in shown.output.split("\n")]
    assert ["", "hour", "int_domain", "min: 0 max: 23", "min: 0 max: 24", ""] in rows
    assert [row[1] for row in rows if len(row) > 1] == ["feature", "carrier", "hour"]


def test_a_patch_can_be_applied(command: Command, project: Path) -> None:
    patch = command("diff", "--patch").output
    subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=project, check=True)
    patched = (project / "schema.pbtxt").read_text()
    assert patched == _SCHEMA.replace('value: "UA"\n', 'value: "UA"\n    value: "B6"\n').replace(
        "max: 23", "max: 24"
    )
    (project / "schema.pbtxt").write_text(_SCHEMA)
    assert command("accept").exit_code == 0
    assert (project / "schema.pbtxt").read_text() == patched
    again = command("diff")
    assert (again.exit_code, again.output) == (
        0, f"{project}/schema.pbtxt: the data matches the schema.\n",
    )  # fmt: skip


def test_one_column_is_taken_over(command: Command, project: Path) -> None:
    done = command("accept", "--feature", "hour", "--json")
    assert json.loads(done.output) == {
        "changes": [
            {
                "feature": "hour",
                "aspect": "int_domain",
                "curated": "min: 0 max: 23",
                "proposed": "min: 0 max: 24",
            }
        ],
        "mismatches": [],
    }
    assert (project / "schema.pbtxt").read_text() == _SCHEMA.replace("max: 23", "max: 24")
    assert sorted(entry.name for entry in project.iterdir()) == [
        "rows", "schema.pbtxt", "taxiway.toml", "workspace",
    ]  # fmt: skip
    assert "nothing is changed" in command("accept", "--feature", "hour").output
    assert "nothing is changed" in command("accept", "--feature", "late").output


def _add_features(project: Path) -> None:
    (project / "features.toml").write_text(
        'label = "late"\nnumeric = ["hour"]\ncategorical = ["carrier"]\n'
    )
    settings = project / "taxiway.toml"
    settings.write_text(f'features = "features.toml"\n{settings.read_text()}')


@pytest.mark.parametrize(
    ("cells", "column", "cure"),
    [
        ("UA,n.a.,0", "hour", 'set nulls = ["n.a."]'),
        ('UA,"5,5",0', "hour", "decimal"),
        ("UA,1_000,0", "hour", "separators of thousands"),
        ("UA,2.5,0", "hour", "set type: FLOAT"),
        ("UA,5,", "late", "remove these rows"),
    ],
)
def test_an_input_or_the_label_is_never_taken_out_of_use(
    cells: str, column: str, cure: str, command: Command, project: Path
) -> None:
    _add_features(project)
    (project / "rows" / "2.csv").write_text(f"carrier,hour,late\nUA,5,0\n{cells}\n")
    shown = command("diff")
    assert shown.exit_code == 1
    [step] = [line for line in shown.output.splitlines() if line.startswith("Next")]
    assert step.startswith(f"Next   {column}: ") and cure in step
    refused = command("accept").exception
    assert isinstance(refused, DataRefused)
    assert [finding.feature for finding in refused.findings] == [column]
    assert cure in refused.next_step
    assert (project / "schema.pbtxt").read_text() == _SCHEMA
    [mismatch] = json.loads(command("diff", "--json").output)["mismatches"]
    assert mismatch["feature"] == column
    others = command("accept", "--feature", "carrier")
    assert others.exit_code == 0, "the other columns can be accepted"


_MINIMAL = """\
feature {
  name: "late"
  type: INT
  presence { min_fraction: 1.0 }
  int_domain { min: 0 max: 1 }
  not_in_environment: "SERVING"
}
feature { name: "hour" type: INT }  # of departure
feature { name: "carrier" type: BYTES }"""


@pytest.mark.parametrize("end", ["", "\n"], ids=["no line end", "line end"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no mark", "mark"])
def test_columns_without_rules_get_them_from_the_train_spans(
    mark: str, line_end: str, end: str, command: Command, project: Path
) -> None:
    _add_features(project)
    content = (mark + (_MINIMAL + end).replace("\n", line_end)).encode()
    (project / "schema.pbtxt").write_bytes(content)
    assert command("diff").exit_code == 1
    assert (project / "schema.pbtxt").read_bytes() == content, "diff changes nothing"
    accepted = command("accept")
    assert (
        "newest span does not match what the train spans gave to hour, carrier" in accepted.output
    )
    written = (project / "schema.pbtxt").read_bytes().decode()
    assert written.startswith(mark + "feature {" + line_end)
    assert written.count("\n") == written.count(line_end)
    late, hour, carrier = columns.load(project / "schema.pbtxt").feature
    assert (hour.int_domain.min, hour.int_domain.max) == (4, 7)
    assert list(carrier.string_domain.value) == ["UA"], "B6 is in the newest span only"
    assert carrier.presence.min_fraction == hour.presence.min_fraction == 1
    assert not late.HasField("drift_comparator"), "two rows say nothing about distances"
    assert "}  # of departure" + line_end in written
    changes = json.loads(command("diff", "--json").output)["changes"]
    assert [change["feature"] for change in changes] == ["hour", "carrier"]
    command("accept")
    assert "the data matches the schema" in command("diff").output


def test_an_empty_schema_file_gets_every_column(command: Command, project: Path) -> None:
    _add_features(project)
    (project / "schema.pbtxt").write_text("")
    assert command("diff").exit_code == 1
    assert command("accept").exit_code == 0
    schema = columns.load(project / "schema.pbtxt")
    assert [feature.name for feature in schema.feature] == ["carrier", "hour", "late"]
    assert (project / "schema.pbtxt").read_text().startswith("feature {")


def test_a_column_that_nobody_has_is_refused(command: Command, project: Path) -> None:
    refused = command("accept", "--feature", "hours")
    assert isinstance(refused.exception, UsageError)
    assert str(refused.exception).endswith("did you mean hour?")
    assert (project / "schema.pbtxt").read_text() == _SCHEMA


def test_a_span_and_a_window_choose_the_data(command: Command, project: Path) -> None:
    (project / "rows" / "3.csv").write_text("carrier,hour,late\nUA,5,0\nUA,6,1\n")
    assert command("diff", "--span", "3").exit_code == 1, "the window holds month 2"
    (project / "rows" / "2.csv").write_text("carrier,hour,late\nUA,5,0\nUA,6,1\n")
    assert command("diff").exit_code == 0


def test_the_schema_is_shown(command: Command, project: Path) -> None:
    lines = command("show").output.splitlines()
    hour = next(line for line in lines if "hour" in line)
    assert re.sub(r"[│\s]+", " ", hour).strip() == "hour INT 0 … 23 may be missing"
    assert json.loads(command("show", "--json").output)["feature"][1]["int_domain"]["max"] == "23"


def test_good_rows_and_requests_pass(command: Command, project: Path) -> None:
    done = command("validate", "rows/1.csv")
    assert done.output == f"All 2 rows match {project}/schema.pbtxt.\n"
    assert command("validate", '{"carrier": "UA"}').exit_code == 0
    assert command("validate", "-", stdin='{"instances": [{"carrier": "UA"}]}').exit_code == 0


def test_a_request_needs_only_what_the_model_learns_from(command: Command, project: Path) -> None:
    schema = project / "schema.pbtxt"
    schema.write_text(
        "".join(line for line in _SCHEMA.splitlines(True) if "environment" not in line)
    )
    without_label = command("validate", '{"carrier": "UA"}')
    assert isinstance(without_label.exception, DataRefused), "every column may be learned from"
    (project / "features.toml").write_text('label = "late"\ncategorical = ["carrier"]\n')
    settings = project / "taxiway.toml"
    settings.write_text(f'features = "features.toml"\n{settings.read_text()}')
    assert command("validate", '{"carrier": "UA"}').exit_code == 0
    without_input = command("validate", '{"hour": 5}')
    assert isinstance(without_input.exception, DataRefused)


def test_wrong_rows_are_shown_with_what_was_expected(command: Command, project: Path) -> None:
    done = command("validate", "rows/2.csv")
    assert isinstance(done.exception, DataRefused)
    assert str(done.exception) == (f"rows/2.csv: 2 values do not match {project}/schema.pbtxt.")
    shown = [re.sub(r"[│\s]+", " ", line).strip() for line in done.output.splitlines()]
    assert "2 carrier B6 one of UA (1 values)" in shown
    assert "2 hour 24 at most 23" in shown
    done = command("validate", "--json", "--environment", "TRAINING", '{"carrier": "UA"}')
    assert done.exit_code == 3
    assert [each["column"] for each in json.loads(done.output)["findings"]] == ["late"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("rows/9.csv", "rows/9.csv: cannot be read: No such file or directory."),
        ("{", "the request is not JSON"),
        ("rows", "rows: expected a file, got a folder"),
        ("rows/empty.csv", "rows/empty.csv: there are no rows in it."),
    ],
)
def test_what_holds_no_rows_is_refused(
    rows: str, message: str, command: Command, project: Path
) -> None:
    (project / "rows" / "empty.csv").write_text("carrier,hour\n")
    refused = command("validate", rows)
    assert isinstance(refused.exception, UsageError)
    assert str(refused.exception).startswith(message)


def test_each_command_in_the_guide_is_one() -> None:
    guide = (PROJECT / "docs/schema.md").read_text()
    commands = re.findall(r"^taxiway schema (\w+)", guide, re.MULTILINE)
    assert set(commands) == set(app.taxiway.commands["schema"].commands)
    options = set(re.findall(r"--[a-z]+", guide))
    known = {
        option
        for command_ in app.taxiway.commands["schema"].commands.values()
        for parameter in command_.params
        for option in parameter.opts
    }
    assert options <= known


def test_the_curated_schema_has_a_line_for_each_column_in_the_table() -> None:
    done = taxiway("schema", "show")
    assert done.returncode == 0
    names = [re.split("[│┃]", line)[1].strip() for line in done.stdout.splitlines() if "│" in line]
    schema = columns.load(PROJECT / "schema/schema.pbtxt")
    assert [name for name in names if name] == [feature.name for feature in schema.feature]
