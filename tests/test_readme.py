"""The commands of the README run and print what the README shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.columns import mismatches
from models.features import Features
from models.features import load as load_features
from pipeline.settings import loading
from schema import columns
from serving.ports import free_port
from tests import environments
from tests.conftest import PROJECT, copy_project
from tests.documents import Document, parse

_README = Document(PROJECT / "README.md")
_COMMANDS = [" ".join(args) for args in _README.commands()]

_LONG_RUNS = [".venv/bin/taxiway run --window 6", ".venv/bin/taxiway run --tune"]

# What an environment is made from.
_SET_UP = [
    PROJECT / name
    for name in (
        "requirements.lock", "pyproject.toml", "setup.py", "scripts/setup.sh",
        "scripts/find_python.sh",
    )
]  # fmt: skip

# What has learned so little may be worse than chance.
_SMALL = {"window": 1, "min_auc": 0.0, "max_auc_drop": 0.5}
_FEW = "min_slice_auc = 0.0\n[train]\nepochs = 2\n"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project as git has it, with less to learn; its first command sets it up."""
    otherwise = tmp_path_factory.mktemp("readme") / "clone"
    kept = (".venv", ".uv")
    with environments.borrowed("readme", _SET_UP, kept, otherwise) as folder:
        copy_project(folder)
        _make_small(folder)
        yield folder


def _make_small(folder: Path) -> None:
    file = folder / "taxiway.toml"
    text = file.read_text(encoding="utf-8")
    for key, value in _SMALL.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count == 1
    file.write_text(text + _FEW, encoding="utf-8")
    # To compile what is never imported takes a minute.
    set_up = folder / "scripts" / "setup.sh"
    set_up.write_text(set_up.read_text().replace(" --compile-bytecode", ""))


def _run(command: str, clone: Path) -> str:
    # The README's reader has not activated the environment, so `taxiway` is not on PATH.
    folders = os.environ["PATH"].split(os.pathsep)
    path = os.pathsep.join(name for name in folders if not Path(name, "taxiway").exists())
    # Under `make test` an inner make would print the folders that it enters and leaves.
    # The code of another project is not on the reader's PYTHONPATH.
    unset = ("MAKE", "PYTHONPATH")
    env = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    env.pop("MFLAGS", None)
    done = subprocess.run(
        command.split(), cwd=clone, env=env | {"PATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _steps(output: str) -> list[str]:
    return re.findall(r"^[✓○] (\w+)", output, re.MULTILINE)


def _result(output: str) -> str:
    """Return the lines after the steps, without numbers and their alignment."""
    _, _, result = output.partition("\n\n")
    return re.sub(r" +(?=#)", " ", re.sub(r"\d[\d.,]*", "#", result))


@pytest.mark.slow
def test_the_first_command_prints_the_steps_and_the_result_shown(clone: Path) -> None:
    assert _COMMANDS[0] == "make run"
    [shown] = _README.blocks("")
    printed = _run(_COMMANDS[0], clone)
    assert _steps(printed) == _steps(shown)
    assert _result(printed.replace(str(clone), "/home/you/taxiway")) == _result(shown)
    assert (clone / "workspace/models/flights/1/saved_model.pb").is_file()


@pytest.mark.parametrize(
    ("command", "does"),
    [
        ("make test", 'python -m pytest -m "not cluster" --numprocesses'),
        ("make check", "ruff check .\n"),
    ],
)
def test_the_make_commands_run_the_tests_and_the_checks(command: str, does: str) -> None:
    assert command in _COMMANDS
    recipe = subprocess.run(
        [*command.split(), "--dry-run"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert does in recipe


@pytest.mark.parametrize("command", _LONG_RUNS)
def test_the_runs_that_take_long_are_commands(command: str) -> None:
    """`test_own_data.py` searches for training settings; a window of any size is one code path."""
    assert command in _COMMANDS
    words = command.split()
    assert words[0] == ".venv/bin/taxiway"
    parse(words)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        each
        for each in _COMMANDS
        if each not in ("make run", "make test", "make check", *_LONG_RUNS)
    ],
)
def test_the_next_commands_work(command: str, clone: Path) -> None:
    output = _run(command, clone)
    if "--json" in command:
        assert json.loads(output)["outcome"]


@pytest.fixture(scope="module")
def rest_port(clone: Path) -> Iterator[int]:
    """Where the command shown serves the clone's model; the usual ports may be in use."""
    serve, said, _, _ = _console()
    port, rest_port = free_port(), free_port()
    ports = [f"--port={port}", f"--rest_api_port={rest_port}"]
    command = [*shlex.split(serve.removeprefix("$ ")), *ports]
    with subprocess.Popen(command, cwd=clone, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            shown = server.stdout.readline().strip()
            assert shown == said.replace("8500", str(port)).replace("8501", str(rest_port))
            yield rest_port
        finally:
            server.send_signal(signal.SIGINT)
    assert server.returncode == 0


def _console() -> list[str]:
    [block] = _README.blocks("console")
    return block.splitlines()


def _predicted(clone: Path, rest_port: int) -> str:
    _, _, predict, _ = _console()
    words = [*shlex.split(predict.removeprefix("$ ")), "--rest", f"http://127.0.0.1:{rest_port}"]
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_what_is_served_answers_as_shown(clone: Path, rest_port: int) -> None:
    *_, answer = _console()
    # The model of the tests learned less than the one that answers in the page.
    assert re.fullmatch(r"0\.\d{6}", _predicted(clone, rest_port))
    assert re.fullmatch(r"0\.\d{6}", answer)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
def test_curl_is_answered_as_the_guide_to_serving_has_it(clone: Path, rest_port: int) -> None:
    """Here and not beside the other clients, because here a model of the flights is served."""
    guide = Document(PROJECT / "docs" / "serving.md")
    [block] = [each for each in guide.blocks("sh") if each.startswith("curl")]
    script = block.replace("localhost:8501", f"127.0.0.1:{rest_port}")
    done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, check=True)
    answers = re.sub(r"}\s*{", "},{", done.stdout)
    predicted, status, metadata = json.loads(f"[{answers}]")
    # The same flight as in the README.
    [score] = predicted["predictions"]
    assert f"{score:.6f}" == _predicted(clone, rest_port)
    assert "AVAILABLE" in {each["state"] for each in status["model_version_status"]}
    assert metadata["model_spec"]["name"] == "flights"


@pytest.mark.slow
def test_the_python_client_of_the_guide_to_serving_gets_the_same_score(
    clone: Path, rest_port: int
) -> None:
    [code] = Document(PROJECT / "docs" / "serving.md").blocks("python")
    address = "http://127.0.0.1:8501"
    assert address in code
    names: dict[str, Any] = {}
    exec(code.replace(address, f"http://127.0.0.1:{rest_port}"), names)
    [score] = names["scores"]
    assert f"{score:.6f}" == _predicted(clone, rest_port)


def test_the_files_shown_for_own_data_are_valid_and_match(tmp_path: Path) -> None:
    page = Document(PROJECT / "docs" / "own-data.md")
    settings, features = page.blocks("toml")
    schema, accepted = page.blocks("pbtxt")
    shown = {
        "taxiway.toml": settings, "rides.toml": features, "rides.pbtxt": schema,
        "accepted.pbtxt": accepted,
    }  # fmt: skip
    for name, text in shown.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    loaded = loading.load(tmp_path / "taxiway.toml")
    assert (loaded.name, loaded.source.kind) == ("rides", "folder")
    assert loaded.features == tmp_path / "rides.toml"
    assert loaded.schema_file == tmp_path / "rides.pbtxt"
    read = load_features(loaded.features)
    assert read == Features(
        label="cancelled", numeric=("distance_km",), categorical=("city",), slices=("city",)
    )
    assert list(mismatches(read, columns.load(loaded.schema_file))) == []
    [distance] = columns.load(tmp_path / "accepted.pbtxt").feature
    assert columns.value_range(distance) == (0, 46)
