"""The command `taxiway` as its users type it: what it prints and how it exits."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest

from pipeline.cli import app
from pipeline.settings import rendering
from pipeline.settings.loading import load_plain
from pipeline.settings.sections import Settings
from tests.conftest import PROJECT, taxiway


def _verbs(group: click.Group = app.taxiway, *before: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from _verbs(command, *before, name)


VERBS = sorted(_verbs())


def test_help_lists_every_verb_and_exit_code() -> None:
    done = taxiway("--help")
    assert done.returncode == 0
    _, _, listed = done.stdout.partition("Commands:\n")
    rows = [re.match(r"  (\S+)  +\S", line) for line in listed.splitlines()]
    assert [row[1] for row in rows if row] == [verb[0] for verb in VERBS if len(verb) == 1]
    codes = "0 done, 2 usage, 3 data refused, 4 model not blessed, 5 infrastructure."
    assert codes in " ".join(done.stdout.split())


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help(verb: tuple[str, ...]) -> None:
    done = taxiway(*verb, "-h")
    assert done.returncode == 0
    usage, _, does, *_ = done.stdout.splitlines()
    assert usage.startswith(f"Usage: taxiway {' '.join(verb)} [OPTIONS]")
    assert does.strip() not in ("", "Options:")


def test_the_entry_point_of_the_installed_command_is_importable() -> None:
    from pipeline.cli import main

    assert main is app.main
    [script] = metadata.entry_points(group="console_scripts", name="taxiway")
    assert script.value == "pipeline.cli:main"
    assert script.load() is main


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_command_s_file_is_named_as_it_is_typed(verb: tuple[str, ...]) -> None:
    command: click.Command = app.taxiway
    for name in verb:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert command.callback is not None
    file = command.callback.__module__.rpartition(".")[2]
    # These three change aliases and folders; the others of `registry` only read.
    changes = {"promote": "promotion", "rollback": "promotion", "gc": "promotion"}
    assert file == (changes.get(verb[-1]) or verb[0])


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pipeline.cli.app import main\n"
        "try: main(['run', '--help'])\n"
        "finally: print(sorted({'tensorflow', 'tfx', 'apache_beam', 'pydantic', 'rich', 'duckdb'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version_is_the_project_s() -> None:
    assert taxiway("--version").stdout == "taxiway, version 0.1.0\n"


def test_settings_are_printed_as_a_settings_file(tmp_path: Path) -> None:
    printed = taxiway("settings").stdout
    (tmp_path / "mine.toml").write_text(printed)
    assert load_plain(tmp_path / "mine.toml") == load_plain(PROJECT / "taxiway.toml")
    assert taxiway("settings", "--settings", tmp_path / "mine.toml").stdout == printed


def test_settings_shows_what_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[train]\nepochs = 3\n")
    done = taxiway("settings", "--settings", tmp_path / "mine.toml")
    assert "epochs = 3\n" in done.stdout


def test_settings_prints_its_json_schema() -> None:
    assert json.loads(taxiway("settings", "--schema").stdout) == Settings.model_json_schema()


def test_a_pipe_that_closes_is_no_accident() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [Path(sys.executable).with_name("taxiway"), "settings", "--schema"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "--bogus"), "No such option"),
        (("fly",), "No such command"),
        (("run", "--span", "May"), "not a valid integer"),
        (("run", "--window", "0"), "not in the range"),
    ],
)
def test_wrong_words_exit_2(words: tuple[str, ...], says: str) -> None:
    done = taxiway(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    as_json = taxiway(*words, "--json")
    assert as_json.returncode == 2
    assert as_json.stderr == ""
    assert says in json.loads(as_json.stdout)["error"]


def test_wrong_settings_exit_2_and_name_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "taxiway.toml"
    file.write_text("[train]\nepoch = 3\n")
    done = taxiway("run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Stopped: taxiway.toml: unknown key train.epoch; did you mean epochs?\n"
        "Next   taxiway settings --schema\n"
    )


def test_an_error_is_one_json_object_when_asked(tmp_path: Path) -> None:
    done = taxiway("run", "--json", "--settings", tmp_path / "none.toml")
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout) == {
        "error": f"{tmp_path}/none.toml: no such settings file.",
        "next": f"taxiway settings > {tmp_path / 'none.toml'}",
        "exit_code": 2,
        "log_file": None,
        "report": None,
    }


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


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("feature { nam: 3 }", "schema.pbtxt: not a valid schema: 1:11"),
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


# A stand-in for the runner meets what no wrong file can bring about.
_MISHAP = """
import sys
from pipeline import cli
from pipeline.local import runner

def mishap(*_):
    {mishap}

runner.run = mishap
cli.main(sys.argv[1:])
"""


def _mishap(code: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _MISHAP.format(mishap=code), *words],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_unexpected_error_is_a_sentence_and_a_log(tmp_path: Path) -> None:
    done = _mishap("raise ValueError('first line\\nsecond')", "run", "--workspace", tmp_path)
    assert (done.returncode, done.stdout) == (5, "")
    (log,) = (tmp_path / "logs").iterdir()
    assert done.stderr == (
        "Stopped: unexpected error: ValueError: first line\n"
        "Next   read the end of the log, and check the machine with `taxiway doctor`\n"
        f"Log    {log}\n"
    )
    assert "in mishap" in log.read_text()


def test_an_unexpected_error_is_json_when_asked(tmp_path: Path) -> None:
    done = _mishap("raise ValueError", "run", "--json", "--workspace", tmp_path)
    assert (done.returncode, done.stderr) == (5, "")
    error = json.loads(done.stdout)
    assert error["error"].endswith("ValueError: no message")
    assert "in mishap" in Path(error["log_file"]).read_text()


def test_an_unexpected_error_outside_a_run_is_logged_too() -> None:
    code = (
        "from pipeline import cli\nfrom pipeline.settings import loading\n"
        "loading.load_plain = None\ncli.main(['settings'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    log = Path(done.stderr.splitlines()[-1].removeprefix("Log    "))
    assert "'NoneType' object is not callable" in log.read_text()
    log.unlink()


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interruption_names_the_command_that_continues(tmp_path: Path, as_json: bool) -> None:
    words = ["run", "--workspace", str(tmp_path / "a b"), *(["--json"] if as_json else [])]
    # Who was started in the background ignores it.
    heeds = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    done = _mishap(f"import signal; {heeds}; signal.raise_signal(signal.SIGINT)", *words)
    assert done.returncode == 128 + signal.SIGINT
    again = f"taxiway run --workspace '{tmp_path / 'a b'}'"
    if as_json:
        error = json.loads(done.stdout)
        assert (error["next"], error["exit_code"]) == (f"{again} --json", 130)
    else:
        assert done.stderr.endswith(f"Interrupted. Continue with:  {again}\n")


def test_a_reader_that_leaves_ends_the_run_quietly(tmp_path: Path) -> None:
    done = _mishap("raise BrokenPipeError(32, 'Broken pipe')", "run", "--workspace", tmp_path)
    assert (done.returncode, done.stderr) == (1, "")


def test_overrides_reach_the_runner(tmp_path: Path) -> None:
    code = (
        "source = _[0].source;"
        "print(source.span, source.window, _[2], _[3], _[0].workspace, file=open('out', 'w'));"
        "sys.exit()"
    )
    file = tmp_path / "taxiway.toml"
    file.write_text("[source]\nspan = 201301\nwindow = 9\n")
    words = ["run", "--json", "--span", "201304", "--tune", "--workspace", "w"]
    subprocess.run(
        [sys.executable, "-c", _MISHAP.format(mishap=code), *words], cwd=tmp_path, check=True
    )
    assert (tmp_path / "out").read_text() == f"201304 9 True False {tmp_path / 'w'}\n"


def test_a_search_and_a_warm_start_exclude_each_other() -> None:
    done = taxiway("run", "--tune", "--warm-start")
    assert done.returncode == 2
    assert done.stderr.startswith("Stopped: --tune and --warm-start exclude each other because ")


def test_relative_settings_are_found_from_where_the_user_is(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\n')
    done = taxiway("settings", "--settings", "mine.toml", cwd=tmp_path)
    assert done.stdout == rendering.as_toml(Settings(name="mine"))


def test_malformed_rows_are_shown_and_kept(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
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


def test_the_command_is_named_by_its_path_where_the_shell_does_not_find_it() -> None:
    done = subprocess.run(
        [".venv/bin/taxiway", "run", "--settings", "none.toml"],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Next   .venv/bin/taxiway settings > none.toml\n" in done.stderr


def test_a_run_fn_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "taxiway.toml").write_text(
        f'features = "{PROJECT}/models/flights.toml"\n'
        f'schema_file = "{PROJECT}/schema/schema.pbtxt"\n[train]\nrun_fn = "models.trainer.fn"\n'
    )
    done = taxiway("run", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "train.run_fn: there is no function models.trainer.fn." in done.stderr
