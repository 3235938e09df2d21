"""`taxiway serve`: what it starts, and what it refuses."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from pipeline.cli import app
from serving.server.options import Options, described
from serving.store import aliases, publish
from serving.store.manifest import Blessing, Facts
from tests.conftest import PROJECT, taxiway


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with one version, which is stable."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").touch()
    base = tmp_path / "workspace" / "models" / "flights"
    facts = Facts(name="flights", blessing=Blessing(blessed=True))
    publish.publish(tmp_path / "model", base, facts, lambda _: None)
    aliases.promote(base, 1, "ann", verify=lambda _: None)
    return tmp_path / "workspace"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put programs on PATH that print how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("docker", "tensorflow_model_server"):
        (folder / name).write_text(f'#!/bin/sh\necho "{name}"\nprintf "%s\\n" "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_the_real_server_is_started_with_the_same_flags(programs: Path, workspace: Path) -> None:
    done = taxiway(
        "serve", "--backend", "tensorflow_model_server", "--workspace", workspace,
        "--rest_api_port=9001", "--enable_batching",
    )  # fmt: skip
    assert done.stdout.split("\n")[:-1] == [
        "tensorflow_model_server",
        f"--model_config_file={workspace}/models/models.config",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models=true",
        "--rest_api_port=9001",
        "--enable_batching",
        "--port=8500",
    ]


def test_the_image_sees_the_models_and_only_this_machine_sees_its_ports(
    programs: Path, workspace: Path
) -> None:
    done = taxiway("serve", "--backend", "docker", "--workspace", workspace)
    words = done.stdout.split("\n")
    assert words[:3] == ["docker", "run", "--rm"]
    published = [after for word, after in itertools.pairwise(words) if word == "--publish"]
    assert published == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    models = workspace / "models"
    assert f"type=bind,source={models},target={models},readonly" in words
    place = words.index("tensorflow/serving:2.19.1")
    assert words[place - 2 : place] == ["--entrypoint", "tensorflow_model_server"]
    assert words[place + 1] == f"--model_config_file={models}/models.config"


@pytest.mark.parametrize("backend", ["docker", "tensorflow_model_server"])
def test_a_program_that_is_not_there_is_named(
    backend: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    done = taxiway("serve", "--backend", backend, "--workspace", workspace)
    assert (done.returncode, f"{backend} is not on PATH" in done.stderr) == (2, True)


def test_without_a_version_there_is_nothing_to_serve(tmp_path: Path) -> None:
    done = taxiway("serve", "--workspace", tmp_path)
    assert done.returncode == 2
    assert "no version is published yet" in done.stderr and "Next   taxiway run" in done.stderr


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (
            "--use_alts_credentials=1",
            "--use_alts_credentials is a flag of TensorFlow Serving that this server",
        ),
        ("--prot=1", "--prot is not a flag of this server; did you mean --port?"),
        ("--rest_api_port=65536", "--rest_api_port: expected a number from 0 to 65535"),
    ],
)
def test_a_flag_that_cannot_be_used_is_named(flag: str, message: str, tmp_path: Path) -> None:
    done = taxiway("serve", f"--model_base_path={tmp_path}", flag)
    assert (done.returncode, message in done.stderr) == (2, True)


def test_help_says_what_each_of_the_server_s_flags_means() -> None:
    shown = taxiway("serve", "--help").stdout
    for name, meaning in described().items():
        assert re.search(rf"^  --{name}\s+\S", shown, re.MULTILINE), name
        assert meaning
    assert described().keys() == {field.name for field in fields(Options)}


@pytest.mark.parametrize(
    ("protocol", "flag", "other", "next_step"),
    [
        (
            "gRPC", "--port", "--rest_api_port",
            "pass another port with --port, or --port=0 for any free port",
        ),
        (
            "REST", "--rest_api_port", "--port",
            "pass another port with --rest_api_port, or --rest_api_port=0 for no REST",
        ),
    ],
)  # fmt: skip
def test_a_port_in_use_is_named_with_the_flag_that_changes_it(
    protocol: str, flag: str, other: str, next_step: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = taxiway("serve", f"--model_base_path={tmp_path}", f"{flag}={port}", f"{other}=0")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        f"Stopped: cannot serve {protocol} on 127.0.0.1:{port} because another process uses this "
        f"port.\nNext   {next_step}\n"
    )


@pytest.mark.parametrize(
    ("protocol", "flag", "port", "other"),
    [("gRPC", "--port", 0, "--rest_api_port=0"), ("REST", "--rest_api_port", 8501, "--port=0")],
)
def test_an_address_of_another_machine_is_a_wrong_flag(
    protocol: str, flag: str, port: int, other: str, tmp_path: Path
) -> None:
    """RFC 5737 reserves the address for documentation, so no machine has it."""
    done = taxiway(
        "serve",
        f"--model_base_path={tmp_path}",
        "--bind_address=192.0.2.1",
        f"{flag}={port}",
        other,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"Stopped: cannot serve {protocol} on 192.0.2.1:{port} because the system refuses it: "
        f"Cannot assign requested address.\nNext   pass another {flag} or --bind_address\n"
    )


def test_a_folder_that_cannot_be_made_is_not_told_as_a_port(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    done = taxiway(
        "serve", f"--model_base_path={tmp_path}", "--port=0", "--rest_api_port=0",
        f"--request_log_dir={file}/log", "--request_log_sampling_rate=1",
    )  # fmt: skip
    assert done.returncode == 5
    assert done.stderr.startswith(f"Stopped: {file}/log: Not a directory.\n")


@pytest.mark.slow
def test_a_model_without_a_version_is_waited_for_and_nothing_else_is_told(tmp_path: Path) -> None:
    words = ["serve", f"--model_base_path={tmp_path}/rides", "--model_name=rides", "--port=0"]
    server = subprocess.Popen(
        [Path(sys.executable).with_name("taxiway"), *words, "--rest_api_port=0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    told = [server.stdout.readline(), server.stdout.readline()]
    server.send_signal(signal.SIGINT)
    rest, _ = server.communicate()
    assert told[0] == f"Waiting for model rides: there is no folder {tmp_path}/rides.\n"
    assert re.fullmatch(r"Serving: gRPC on \d+\. End with Ctrl-C\.\n", told[1])
    assert (server.returncode, rest) == (0, "")


def test_each_command_and_flag_in_the_guide_is_one() -> None:
    guide = (PROJECT / "docs/serving.md").read_text()
    for name, rest in re.findall(r"^taxiway (\w+)(.*)", guide, re.MULTILINE):
        command = app.taxiway.commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        if name == "serve":
            known |= {f"--{flag}" for flag in Options.__dataclass_fields__}
        assert set(re.findall(r"--[a-z_]+", rest.split("  #")[0])) <= known, rest
    [row] = re.findall(r"--row '(\{.*\})'", guide)
    assert json.loads(row)["carrier"] == "UA"
