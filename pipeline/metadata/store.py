"""ML Metadata: how it is reached, and setting it right after an interruption."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.components.infra_check.report import BLESSED_PROPERTY
from pipeline.errors import InfrastructureError, UsageError
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.store import publish as store_module

_DOCTOR = "taxiway.doctor"
_PASSWORD = "TAXIWAY_METADATA_PASSWORD"

_CONNECT_SECONDS = 5.0

# TFX's names.
_PUSHED_DESTINATION = "pushed_destination"
_INFRA_BLESSING = "InfraBlessing"

# Of executions that stand for those of a database that was lost.
LOST = "taxiway.Lost"


def exists(settings: Settings) -> bool:
    """Return whether there is ML Metadata already; a server is taken for it."""
    return settings.metadata.host is not None or _sqlite_file(settings).exists()


def connection(settings: Settings) -> mlmd.ConnectionConfig:
    """Return how ML Metadata is reached.

    Args:
      settings: of the pipeline.

    Raises:
      UsageError: the file of the password cannot be read.
    """
    config = mlmd.ConnectionConfig()
    server = settings.metadata
    if server.host is None:
        config.sqlite.filename_uri = str(_sqlite_file(settings))
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return config
    config.mysql.host, config.mysql.port = server.host, server.port
    config.mysql.database, config.mysql.user = server.database, server.user
    config.mysql.password = _password(server)
    if server.ssl_ca is not None:
        config.mysql.ssl_options.ca = str(server.ssl_ca)
        config.mysql.ssl_options.verify_server_cert = True
    if server.ssl_cert is not None:
        config.mysql.ssl_options.cert = str(server.ssl_cert)
    if server.ssl_key is not None:
        config.mysql.ssl_options.key = str(server.ssl_key)
    return config


def open_store(settings: Settings) -> metadata_store.MetadataStore:
    """Open ML Metadata; create it when missing.

    Args:
      settings: of the pipeline.

    Raises:
      UsageError: the file of the password cannot be read.
      InfrastructureError: the server cannot be reached, or refuses.
    """
    config = connection(settings)
    if config.HasField("sqlite"):
        _sqlite_file(settings).parent.mkdir(parents=True, exist_ok=True)
    try:
        return metadata_store.MetadataStore(config)
    except (errors.StatusError, RuntimeError) as error:
        raise InfrastructureError(
            f"ML Metadata cannot be opened: {_why(config, error)}",
            "correct [metadata] in the settings, or the database",
        ) from error


def try_writing(store: metadata_store.MetadataStore, settings: Settings) -> None:
    """Write one context that nothing reads, to learn whether the user may write.

    Args:
      store: ML Metadata.
      settings: of the pipeline.

    Raises:
      InfrastructureError: the user may not.
    """
    try:
        kind = store.put_context_type(mlmd.ContextType(name=_DOCTOR))
        known = store.get_context_by_type_and_name(_DOCTOR, _DOCTOR)
        number = known.id if known else None
        store.put_contexts([mlmd.Context(id=number, type_id=kind, name=_DOCTOR)])
    except errors.StatusError as error:
        server = settings.metadata
        raise InfrastructureError(
            f"user {server.user} may not write to database {server.database} at "
            f"{server.host}:{server.port}.",
            f"GRANT ALL ON {server.database}.* TO '{server.user}'@'%'",
        ) from error


def _why(config: mlmd.ConnectionConfig, error: Exception) -> str:
    if config.HasField("sqlite"):
        return f"{config.sqlite.filename_uri}: {str(error).splitlines()[0]}"
    server = config.mysql
    try:
        # ML Metadata itself does not say.
        socket.create_connection((server.host, server.port), timeout=_CONNECT_SECONDS).close()
    except OSError as unreachable:
        return f"no server answers at {server.host}:{server.port}: {unreachable.strerror}."
    return (
        f"{server.host}:{server.port} refuses user {server.user} with the given password, "
        f"or has no rights to database {server.database}."
    )


def _sqlite_file(settings: Settings) -> Path:
    return Workspace(settings.workspace, settings.name).metadata_db


def _password(server: MetadataSettings) -> str:
    if server.password_file is None:
        return os.environ.get(_PASSWORD, "")
    try:
        return server.password_file.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise UsageError(
            f"metadata.password_file: {server.password_file}: {error.strerror}."
        ) from error


def claim(store: metadata_store.MetadataStore, settings: Settings) -> None:
    """Refuse a workspace of another pipeline, and a server's database that another workspace uses.

    What follows closes executions, marks artifacts whose files are not here, and removes what the
    pipeline does not need.

    Args:
      store: ML Metadata.
      settings: of the pipeline.

    Raises:
      UsageError: it knows only another pipeline, or artifacts of another workspace.
    """
    server, name = settings.metadata, settings.name
    root = Workspace(settings.workspace, name).root.resolve()
    pipelines = sorted(context.name for context in store.get_contexts_by_type("pipeline"))
    if pipelines and name not in pipelines:
        what, one = (
            (f"metadata.database: {server.database}", "database")
            if server.host
            else (f"workspace: {root}", f'workspace: workspace = "workspace-{name}"')
        )
        raise UsageError(
            f"{what} belongs to pipeline {', '.join(pipelines)}, not to {name}.",
            f"give each pipeline a {one}",
        )
    if server.host is None:
        return
    for artifact in store.get_artifacts():
        ours = not artifact.uri or Path(artifact.uri).resolve().is_relative_to(root)
        if not ours and artifact.state == mlmd.Artifact.LIVE:
            raise UsageError(
                f"metadata.database: {server.database} belongs to another workspace "
                f"than {root}: it knows {artifact.uri}.",
                "name a database of its own for each workspace",
            )


def reserve_lost(store: metadata_store.MetadataStore, workspace: Workspace) -> int:
    """Give no id again that a lost database gave out: folders and manifests still bear it.

    Args:
      store: ML Metadata.
      workspace: of the pipeline.

    Returns:
      How many ids there were.
    """
    used = [int(each.name) for each in execution_folders(workspace) if each.name.isdecimal()]
    used += [
        manifest.mlmd.get("execution_id", 0)
        for manifest in store_module.manifests(workspace.model_base).values()
    ]
    known = max((execution.id for execution in store.get_executions()), default=0)
    lost = max(used, default=0) - known
    if lost > 0:
        kind = store.put_execution_type(mlmd.ExecutionType(name=LOST))
        one = mlmd.Execution(type_id=kind, last_known_state=mlmd.Execution.CANCELED)
        store.put_executions([one] * lost)
    return max(lost, 0)


def execution_folders(workspace: Workspace) -> list[Path]:
    """Return where executions wrote: NODE/OUTPUT/EXECUTION, as TFX names them."""
    return sorted(workspace.artifacts.glob("[!.]*/[!.]*/*"))


def unfinished(store: metadata_store.MetadataStore) -> list[mlmd.Execution]:
    """Return executions that run, or that a killed run left so."""
    return [
        execution
        for execution in store.get_executions()
        if execution.last_known_state in (mlmd.Execution.NEW, mlmd.Execution.RUNNING)
    ]


def origin(store: metadata_store.MetadataStore, execution: mlmd.Execution) -> tuple[str, str, str]:
    """Return the pipeline, the node and the run that an execution is of; "" where unknown."""
    names = {each.type: each.name for each in store.get_contexts_by_execution(execution.id)}
    pipeline, _, node = names.get("node", "").rpartition(".")
    return pipeline, node, names.get("pipeline_run", "")


def fail(
    store: metadata_store.MetadataStore, artifacts: Path, executions: Sequence[mlmd.Execution]
) -> None:
    """Mark executions as failed, and remove what they wrote.

    Args:
      store: ML Metadata.
      artifacts: TFX's pipeline root.
      executions: that are not running any more.
    """
    for execution in executions:
        execution.last_known_state = mlmd.Execution.FAILED
        for output in artifacts.glob(f"*/*/{execution.id}"):
            shutil.rmtree(output)
    if executions:
        store.put_executions(executions)


def forget_missing(store: metadata_store.MetadataStore) -> int:
    """Mark artifacts that are no longer what they were as deleted, so that they are made again.

    That is: their files are gone, or a pushed model is not the newest version any more. And a model
    that was not fit to serve is tried again: the machine may have been busy.

    Args:
      store: ML Metadata.

    Returns:
      How many there were.
    """
    missing = [
        artifact
        for artifact in store.get_artifacts()
        if artifact.state == mlmd.Artifact.LIVE and not _as_it_was(artifact)
    ]
    for artifact in missing:
        artifact.state = mlmd.Artifact.DELETED
    store.put_artifacts(missing)
    return len(missing)


def _as_it_was(artifact: mlmd.Artifact) -> bool:
    if not Path(artifact.uri).exists() or _refused_by_infra_check(artifact):
        return False
    if _PUSHED_DESTINATION not in artifact.custom_properties:
        return True
    version = Path(artifact.custom_properties[_PUSHED_DESTINATION].string_value)
    return version.exists() and int(version.name) == max(store_module.versions(version.parent))


def _refused_by_infra_check(artifact: mlmd.Artifact) -> bool:
    return artifact.type == _INFRA_BLESSING and not number(artifact, BLESSED_PROPERTY)


def text(artifact: mlmd.Artifact, name: str) -> str:
    """Return a custom property; "" when it is not there.

    To ask the map itself would enter it without a value, and ML Metadata then ends the process.
    """
    properties = artifact.custom_properties
    return str(properties[name].string_value) if name in properties else ""


def number(artifact: mlmd.Artifact, name: str) -> int:
    """Return a custom property; 0 when it is not there."""
    properties = artifact.custom_properties
    return int(properties[name].int_value) if name in properties else 0


def outputs(store: metadata_store.MetadataStore, execution_id: int) -> dict[str, mlmd.Artifact]:
    """Return what an execution, run or cached, put out: the first artifact by output name."""
    events = [
        event
        for event in store.get_events_by_execution_ids([execution_id])
        # A Resolver's are internal: artifacts that others put out.
        if event.type in (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT)
    ]
    found = {
        artifact.id: artifact
        for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])
    }
    return {event.path.steps[0].key: found[event.artifact_id] for event in events}


def state(store: metadata_store.MetadataStore, execution_id: int) -> Any:
    """Return an execution's last known state."""
    (execution,) = store.get_executions_by_id([execution_id])
    return execution.last_known_state


def beside(uri: str, output: str) -> str:
    """Return the uri of another output of the execution that put out an artifact.

    TFX writes all of them under NODE/OUTPUT/EXECUTION.
    """
    execution = Path(uri)
    return str(execution.parents[1] / output / execution.name)
