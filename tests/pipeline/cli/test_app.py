"""The command `taxiway`: its help, its entry point and its arguments."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pipeline.cli import app, entry_point
from tests.conftest import taxiway


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
    done = CliRunner().invoke(app.taxiway, [*verb, "-h"], prog_name="taxiway")
    assert done.exit_code == 0
    usage, _, does, *_ = done.output.splitlines()
    assert usage.startswith(f"Usage: taxiway {' '.join(verb)} [OPTIONS]")
    assert does.strip() not in ("", "Options:")


def test_the_entry_point_of_the_installed_command_is_importable() -> None:
    from pipeline.cli import main

    assert main is entry_point.main
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
        "import sys; from pipeline.cli import main\n"
        "try: main(['run', '--help'])\n"
        "finally: print(sorted({'tensorflow', 'tfx', 'apache_beam', 'pydantic', 'rich', 'duckdb'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version_is_the_project_s() -> None:
    assert taxiway("--version").stdout == "taxiway, version 0.1.0\n"


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


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("doctor",),
        ("report",),
        ("serve",),
        ("status",),
        ("export", "onnx"),
        ("size",),
        ("predict", "--row", "{}"),
        ("predict", "--model", "rides", "--csv", "rows.csv"),
        ("registry", "list"),
        ("registry", "show", "1"),
        ("registry", "verify"),
        ("registry", "promote", "1"),
        ("registry", "gc"),
        ("schema", "show"),
        ("schema", "diff"),
        ("schema", "accept"),
        ("schema", "validate", "{}"),
        ("kubeflow", "compile"),
    ],
    ids=" ".join,
)
def test_no_verb_takes_a_folder_without_settings_file_for_a_project(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    done = taxiway(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    shown = done.stdout if words == ("doctor",) else done.stderr
    assert f"{tmp_path}: there is no taxiway.toml in this folder" in " ".join(shown.split())
    assert "taxiway init DATA --label COLUMN" in shown
    assert not list(tmp_path.iterdir())


def test_a_row_for_a_named_model_requires_no_project(tmp_path: Path) -> None:
    rest = "http://127.0.0.1:1"
    done = taxiway("predict", "--rest", rest, "--model", "m", "--row", "{}", cwd=tmp_path)
    assert done.returncode == 5
    assert rest in done.stderr
