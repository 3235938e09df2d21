"""`taxiway size`: what it measures, writes and refuses."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from serving.ports import free_port
from serving.sizing.results.result import Sizing
from serving.store import publish
from serving.store.manifest import Blessing, Facts
from tests.conftest import PROJECT, taxiway
from tests.documents import parse
from tests.serving.tiny import export

needs_h2load = pytest.mark.skipif(
    shutil.which("h2load") is None, reason="h2load is not installed (nghttp2-client)"
)

_QUICK = (
    "--force", "--batch", "4", "--concurrency", "2", "--repeat", "2", "--latency-target", "10000",
)  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a published model and a file of rows."""
    folder = tmp_path_factory.mktemp("size")
    base = folder / "workspace" / "models" / "tiny"
    facts = Facts(name="tiny", blessing=Blessing(blessed=True))
    publish.publish(export(folder / "model"), base, facts, lambda _: None)
    rows = [{"distance": place / 64, "carrier": "AA"} for place in range(64)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shutil.copy(PROJECT / "schema/schema.pbtxt", folder)
    (folder / "taxiway.toml").write_text('name = "tiny"\nschema_file = "schema.pbtxt"\n')
    return folder


def _size(project: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    rows = project / "rows.jsonl"
    return taxiway("size", "--csv", rows, "--json", *_QUICK, *words, cwd=project)


# The real one, in whose log the requests are then as even as on a machine without other work: each
# client sends 500 a second, or what was asked for, one client after the other.
_EVEN_H2LOAD = """\
import subprocess, sys
done = subprocess.run([{h2load!r}, *sys.argv[1:]])
words = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])
clients, rate = int(words["clients"]), float(words.get("rps", 500))
apart = 1e3 * int(words.get("rate-period", "0ms").removesuffix("ms"))
with open(words["log-file"]) as log:
    codes = [line.split("\\t")[1] for line in log]
with open(words["log-file"], "w") as log:
    for place, code in enumerate(codes):
        turn, client = divmod(place, clients)
        print(round(10**15 + client * apart + turn * 1e6 / rate), code, 1000, sep="\\t", file=log)
sys.exit(done.returncode)
"""


@pytest.fixture
def even_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put such a load generator on PATH, so that a recommendation is no matter of chance."""
    tool = tmp_path / "bin" / "h2load"
    tool.parent.mkdir()
    tool.write_text(f"#!{sys.executable}\n" + _EVEN_H2LOAD.format(h2load=shutil.which("h2load")))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")


@needs_h2load
@pytest.mark.slow
@pytest.mark.usefixtures("even_load")
def test_a_published_model_is_sized_on_a_server_of_its_own(project: Path, tmp_path: Path) -> None:
    done = _size(project, "--seconds", "0.2", "--rate", "100", "--output", tmp_path / "found")
    assert done.returncode == 0, done.stdout
    found = Sizing.model_validate_json((tmp_path / "found/sizing.json").read_bytes())
    assert (found.model, found.version) == ("tiny", 1)
    assert [(each.protocol, each.batch, each.errors) for each in found.cells] == [
        ("grpc", 4, 0), ("rest", 4, 0),
    ]  # fmt: skip
    assert all(each.cpu_ms and each.memory_bytes for each in found.cells)
    assert {file.name for file in (tmp_path / "found").iterdir()} == {
        "resources.yaml", "server.log", "sizing.json", "throughput.png",
    }  # fmt: skip
    assert Sizing.model_validate_json(done.stdout) == found
    assert found.recommendation is not None and found.recommendation.replicas == 1
    assert found.memory is not None
    assert found.memory.loaded <= found.memory.driven <= found.memory.swap
    deployment, scaler = yaml.safe_load_all((tmp_path / "found/resources.yaml").read_text())
    assert deployment["kind"] == "Deployment" and scaler["spec"]["minReplicas"] == 2


@needs_h2load
@pytest.mark.slow
def test_a_server_that_is_killed_meanwhile_leaves_an_error_and_no_process(
    project: Path, tmp_path: Path
) -> None:
    words = ("size", "--csv", project / "rows.jsonl", *_QUICK)
    program = Path(sys.executable).with_name("taxiway")
    with subprocess.Popen(
        [program, *words, "--output", tmp_path], cwd=project, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while not process.stdout.readline().startswith("✓ Server"):
            assert process.poll() is None
        [server] = _children(process.pid, "serve")
        os.kill(server, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert "Stopped: The server ended with -9" in err
    assert "Traceback" not in err
    assert [file.name for file in tmp_path.iterdir()] == ["server.log"]


@needs_h2load
def test_an_address_where_nobody_listens_is_an_error(project: Path) -> None:
    done = _size(project, "--rest", f"http://127.0.0.1:{free_port()}")
    content = json.loads(done.stdout)
    assert (done.returncode, content["exit_code"], content["next"]) == (5, 5, "taxiway serve")
    assert "was not ready within 2 s" in content["error"]


def test_without_the_load_generator_it_is_said_what_to_install(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    content = json.loads((done := _size(project)).stdout)
    assert (done.returncode, content["error"]) == (
        2, "h2load, the load generator, is not on PATH.",
    )  # fmt: skip
    assert content["next"].startswith("apt install nghttp2-client")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--batch", "1,x"), "expected integers separated by commas, such as 1,8,32, got '1,x'"),
        (("--concurrency", "0"), "expected integers of at least 1, got '0'"),
        (
            ("--protocol", "grpc", "--rest", "http://127.0.0.1:1"),
            "--protocol grpc requires an address with --grpc.",
        ),
        (
            ("--rest", "127.0.0.1:1"),
            "expected an address such as http://127.0.0.1:8501, got 127.0.0.1:1.",
        ),
        (
            ("--grpc", "http://127.0.0.1:1"),
            "expected an address such as 127.0.0.1:8500, got http://127.0.0.1:1.",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: tuple[str, ...], message: str, project: Path
) -> None:
    done = _size(project, *words)
    assert (done.returncode, message in json.loads(done.stdout)["error"]) == (2, True)


@needs_h2load
def test_without_a_version_there_is_nothing_to_measure(project: Path, tmp_path: Path) -> None:
    content = json.loads((done := _size(project, "--workspace", tmp_path)).stdout)
    assert (done.returncode, content["next"]) == (2, "taxiway run")
    assert "no version is published yet" in content["error"]


_COMMANDS = re.findall(
    r"^taxiway (size.*?)(?:  +#.*)?$", (PROJECT / "docs/sizing.md").read_text(), re.M
)


@pytest.mark.parametrize("words", _COMMANDS)
def test_the_command_takes_the_words_in_the_guide(words: str) -> None:
    parse(["taxiway", *shlex.split(words)])


def _children(pid: int, word: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(") ")[2].split()[1])
            words = (folder / "cmdline").read_text().split("\0")
        except OSError:  # it ended
            continue
        if parent == pid and word in words:
            found.append(int(folder.name))
    return found
