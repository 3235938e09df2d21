"""Open ML Metadata, and make sure that it belongs to this pipeline and workspace."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.errors import InfrastructureError, UsageError
from pipeline.metadata import locks, properties, relocation
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace

_DOCTOR = "taxiway.doctor"
_PASSWORD = "TAXIWAY_METADATA_PASSWORD"

_CONNECT_SECONDS = 5.0
_POLL_SECONDS = 0.1


def exists(settings: Settings) -> bool:
    """Return whether ML Metadata exists; a server is assumed to have it.

    Args:
      settings: settings of the pipeline.
    """
    return settings.metadata.host is not None or _sqlite_file(settings).exists()


def connection(settings: Settings) -> mlmd.ConnectionConfig:
    """Return the connection to ML Metadata.

    Args:
      settings: settings of the pipeline.

    Raises:
      UsageError: the password file cannot be read.
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
    """Open ML Metadata; create it when it is missing.

    Args:
      settings: settings of the pipeline.

    Raises:
      UsageError: the password file cannot be read.
      InfrastructureError: the server cannot be reached, or refuses the user.
    """
    config = connection(settings)
    if config.HasField("sqlite"):
        _sqlite_file(settings).parent.mkdir(parents=True, exist_ok=True)
        _wait_until_unlocked(settings)
    try:
        return metadata_store.MetadataStore(config)
    except (errors.StatusError, RuntimeError) as error:
        if config.HasField("sqlite") and locks.is_locked(error):
            raise _locked(settings) from error
        raise InfrastructureError(
            f"ML Metadata cannot be opened: {_why(config, error)}",
            "free disk space, and run again"
            if "disk is full" in str(error)
            else "fix [metadata] in the settings, or the database",
        ) from error


def _wait_until_unlocked(settings: Settings) -> None:
    """Wait for a moment while another process writes; a lock that stays would fail a later node."""
    deadline = time.monotonic() + _CONNECT_SECONDS
    while locks.holder(_sqlite_file(settings)):
        if time.monotonic() > deadline:
            raise _locked(settings)
        time.sleep(_POLL_SECONDS)


def _locked(settings: Settings) -> InfrastructureError:
    file = _sqlite_file(settings)
    return InfrastructureError(
        f"{file}: the database of ML Metadata is locked by "
        f"{locks.holder(file) or 'another process, perhaps on another machine'}.",
        "end that process or wait for it, and run again; completed components are not repeated",
    )


def try_writing(store: metadata_store.MetadataStore, settings: Settings) -> None:
    """Write one context that nothing reads, to check that the user may write.

    Args:
      store: ML Metadata store.
      settings: settings of the pipeline.

    Raises:
      InfrastructureError: the user may not write.
    """
    try:
        kind = store.put_context_type(mlmd.ContextType(name=_DOCTOR))
        context = store.get_context_by_type_and_name(_DOCTOR, _DOCTOR)
        number = context.id if context else None
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


def claim(store: metadata_store.MetadataStore, settings: Settings) -> str:
    """Refuse a database of another pipeline or workspace, and follow a workspace that was moved.

    A run marks executions as failed and removes artifacts, so it must own all that it sees. SQLite
    is in the workspace and moves with it, so its paths are rewritten. A server's database does not
    state whether the workspace was moved or copied, so the user decides that.

    Args:
      store: ML Metadata store.
      settings: settings of the pipeline.

    Returns:
      The folder that the workspace had before; "" when it was not moved.

    Raises:
      UsageError: the database has another pipeline, or artifacts of another workspace.
    """
    workspace = Workspace(settings.workspace, settings.name)
    refuse_other_pipeline(store, settings)
    if settings.metadata.host is not None:
        _refuse_other_workspace(store, settings.metadata, workspace.root)
    return relocation.relocate(store, workspace)


def refuse_other_pipeline(store: metadata_store.MetadataStore, settings: Settings) -> None:
    """Refuse a database of another pipeline.

    Args:
      store: ML Metadata store.
      settings: settings of the pipeline.

    Raises:
      UsageError: the database has executions of another pipeline.
    """
    server, name = settings.metadata, settings.name
    contexts = store.get_contexts_by_type(properties.PIPELINE)
    pipelines = sorted(context.name for context in contexts)
    if pipelines and name not in pipelines:
        subject, example = (
            (f"metadata.database: {server.database}", "database")
            if server.host
            else (
                f"workspace: {settings.workspace.resolve()}",
                f'workspace: workspace = "workspace-{name}"',
            )
        )
        raise UsageError(
            f"{subject} belongs to pipeline {', '.join(pipelines)}, not to {name}.",
            f"give each pipeline its own {example}",
        )


def _refuse_other_workspace(
    store: metadata_store.MetadataStore, server: MetadataSettings, root: Path
) -> None:
    owners = {owner.name for owner in relocation.owners(store)}
    if not owners:
        # A database of an earlier release has artifacts and no owner.
        live = [art for art in store.get_artifacts() if art.state == mlmd.Artifact.LIVE]
        owners = relocation.former_roots(live, root)
    foreign = sorted(owner for owner in owners if Path(owner).resolve() != root.resolve())
    if foreign:
        raise UsageError(
            f"metadata.database: {server.database} belongs to another workspace than "
            f"{root.resolve()}: it has {foreign[0]}.",
            "give each workspace its own database; or, if that folder was moved to "
            f"{root.resolve()} and is no longer used: taxiway registry relocate",
        )
