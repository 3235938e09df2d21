"""Real databases for ML Metadata, and runs written into them."""

from __future__ import annotations

import datetime
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.workspace import Workspace
from serving.store import aliases, model_config
from serving.store import publish as store
from serving.store.manifest import Blessing, Facts

PASSWORD = "it's a \\secret\""


def _long_ago() -> datetime.datetime:
    """Return when servers had time to read what was written since."""
    return datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


@contextmanager
def mariadb(folder: Path) -> Iterator[int]:
    """Run a MariaDB server on this machine's loopback; yield its port."""
    data = folder / "data"
    made = subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root",
         "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    quoted = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    begin = folder / "begin.sql"
    begin.write_text(
        f"CREATE USER 'taxiway'@'%' IDENTIFIED BY '{quoted}';\n"
        "GRANT ALL ON `taxiway\\_%`.* TO 'taxiway'@'%';\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", "--user=root",
             f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
             f"--socket={folder}/socket", f"--init-file={begin}", "--skip-name-resolve"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(server, port, folder / "log")
        yield port
    finally:
        server.terminate()
        server.wait(timeout=60)


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())


@dataclass
class Ledger:
    """Runs in ML Metadata, with their files and published versions.

    Args:
      workspace: where the files go.
      store: ML Metadata.
    """

    workspace: Workspace
    store: metadata_store.MetadataStore

    def run(self, number: int) -> Path:
        """Write down a run that made examples, a model, a blessing and a version."""
        run = self._context("pipeline_run", f"run-{number}")
        _, [examples] = self._execute("ExampleGen", run, [], ["Examples"])
        examples.custom_properties["files_train"].string_value = f"data/{number}/*.parquet"
        self.store.put_artifacts([examples])
        _, [model] = self._execute("Trainer", run, [examples], ["Model"])
        _, [blessing] = self._execute("Evaluator", run, [examples, model], ["ModelBlessing"])
        blessing.custom_properties["blessed"].int_value = 1
        blessing.custom_properties["current_model_id"].int_value = model.id
        self.store.put_artifacts([blessing])
        _, [served] = self._execute("InfraCheck", run, [examples, model], ["InfraBlessing"])
        served.custom_properties["blessed"].int_value = 1
        served.custom_properties["current_model_id"].int_value = model.id
        self.store.put_artifacts([served])
        blessings = [blessing, served]
        pushed, [version] = self._execute("Pusher", run, [model, *blessings], ["PushedModel"])
        folder = self._publish(number, pushed, model, blessing)
        for name, value in (
            ("pushed_destination", str(folder)), ("pushed_version", folder.name),
            ("model_id", store.manifests(folder.parent)[int(folder.name)].model_id),
        ):  # fmt: skip
            version.custom_properties[name].string_value = value
        version.custom_properties["pushed"].int_value = 1
        self.store.put_artifacts([version])
        return folder

    def _publish(
        self, number: int, pushed: int, model: mlmd.Artifact, blessing: mlmd.Artifact
    ) -> Path:
        candidate = Path(model.uri)
        (candidate / "saved_model.pb").write_text(f"graph of {number}")
        facts = Facts(
            name=self.workspace.name,
            blessing=Blessing(blessed=True, artifact_uri=blessing.uri),
            run_id=f"run-{number}",
            mlmd={"execution_id": pushed, "model_artifact_id": model.id},
            published_by="flights.Pusher",
        )
        folder = store.publish(candidate, self.workspace.model_base, facts, lambda _: None)
        aliases.promote(
            self.workspace.model_base, int(folder.name), "flights.Pusher", action="publish",
            server=model_config.ServerPolicy(now=_long_ago), verify=lambda _: None,
        )  # fmt: skip
        return folder

    def _context(self, kind: str, name: str) -> mlmd.Context:
        type_id = self.store.put_context_type(mlmd.ContextType(name=kind))
        found = self.store.get_context_by_type_and_name(kind, name)
        if found is not None:
            return found
        [number] = self.store.put_contexts([mlmd.Context(type_id=type_id, name=name)])
        [found] = self.store.get_contexts_by_id([number])
        return found

    def _execute(
        self, node: str, run: mlmd.Context, inputs: list[mlmd.Artifact], kinds: list[str]
    ) -> tuple[int, list[mlmd.Artifact]]:
        type_id = self.store.put_execution_type(mlmd.ExecutionType(name=f"tfx.{node}"))
        execution = mlmd.Execution(type_id=type_id, last_known_state=mlmd.Execution.COMPLETE)
        outputs = []
        for kind in kinds:
            kind_id = self.store.put_artifact_type(mlmd.ArtifactType(name=kind))
            outputs.append(mlmd.Artifact(type_id=kind_id, state=mlmd.Artifact.LIVE))
        events = [
            (artifact, mlmd.Event(type=mlmd.Event.INPUT, path=_path(artifact.type)))
            for artifact in inputs
        ] + [
            (artifact, mlmd.Event(type=mlmd.Event.OUTPUT, path=_path(kind)))
            for artifact, kind in zip(outputs, kinds)
        ]
        number, made, _ = self.store.put_execution(
            execution, events, [run, self._context("node", f"flights.{node}")]
        )
        found = self.store.get_artifacts_by_id(made[len(inputs) :])
        for artifact in found:
            folder = self.workspace.artifacts / node / artifact.type.lower() / str(number)
            folder.mkdir(parents=True)
            (folder / "content").write_text("1234")
            artifact.uri = str(folder)
        self.store.put_artifacts(found)
        return number, found


def _path(name: str) -> mlmd.Event.Path:
    return mlmd.Event.Path(steps=[mlmd.Event.Path.Step(key=name.lower())])
