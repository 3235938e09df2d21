"""Open ML Metadata, and make sure that it belongs to this pipeline and workspace."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.errors import InfrastructureError, UsageError
from pipeline.metadata import properties
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace

_DOCTOR = "taxiway.doctor"
_PASSWORD = "TAXIWAY_METADATA_PASSWORD"

_CONNECT_SECONDS = 5.0

# Type of the context that names the workspace which owns a server's database.
_WORKSPACE = "taxiway.Workspace"


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
    try:
        return metadata_store.MetadataStore(config)
    except (errors.StatusError, RuntimeError) as error:
        raise InfrastructureError(
            f"ML Metadata cannot be opened: {_why(config, error)}",
            "fix [metadata] in the settings, or the database",
        ) from error


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


def claim(store: metadata_store.MetadataStore, settings: Settings) -> None:
    """Refuse a database of another pipeline, and a server's database of another workspace.

    A run marks executions as failed and removes artifacts, so it must own all that it sees.

    Args:
      store: ML Metadata store.
      settings: settings of the pipeline.

    Raises:
      UsageError: the database has another pipeline, or artifacts of another workspace.
    """
    server, name = settings.metadata, settings.name
    root = Workspace(settings.workspace, name).root.resolve()
    contexts = store.get_contexts_by_type(properties.PIPELINE)
    pipelines = sorted(context.name for context in contexts)
    if pipelines and name not in pipelines:
        subject, example = (
            (f"metadata.database: {server.database}", "database")
            if server.host
            else (f"workspace: {root}", f'workspace: workspace = "workspace-{name}"')
        )
        raise UsageError(
            f"{subject} belongs to pipeline {', '.join(pipelines)}, not to {name}.",
            f"give each pipeline its own {example}",
        )
    if server.host is not None:
        _claim_server(store, server, root)


def _claim_server(
    store: metadata_store.MetadataStore, server: MetadataSettings, root: Path
) -> None:
    """Write the workspace's folder to a server's database, or refuse another one's."""
    owners = [context.name for context in store.get_contexts_by_type(_WORKSPACE)]
    if not owners:
        # A database of an earlier release has artifacts and no owner.
        owners = [
            artifact.uri
            for artifact in store.get_artifacts()
            if artifact.state == mlmd.Artifact.LIVE and artifact.uri
        ]
    foreign = [owner for owner in owners if not Path(owner).resolve().is_relative_to(root)]
    if foreign:
        raise UsageError(
            f"metadata.database: {server.database} belongs to another workspace than {root}: "
            f"it has {foreign[0]}.",
            "give each workspace its own database",
        )
    if str(root) not in owners:
        kind = store.put_context_type(mlmd.ContextType(name=_WORKSPACE))
        with suppress(errors.AlreadyExistsError):  # a run that starts beside this one was faster
            store.put_contexts([mlmd.Context(type_id=kind, name=str(root))])
