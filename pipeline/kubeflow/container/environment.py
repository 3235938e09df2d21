"""Read from a task's environment how to reach ML Metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.kubeflow import names
from pipeline.settings.base import explain
from pipeline.settings.metadata import MetadataSettings

_FIELDS = {
    names.HOST: "host",
    names.PORT: "port",
    names.DATABASE: "database",
    names.USER: "user",
    names.SSL_CA: "ssl_ca",
    names.SSL_CERT: "ssl_cert",
    names.SSL_KEY: "ssl_key",
}


def metadata_settings(environment: Mapping[str, str]) -> MetadataSettings:
    """Return how to reach ML Metadata: a server, or without a host a SQLite file in the workspace.

    The password stays in the environment; it is read when a connection is opened.

    Args:
      environment: environment variables of the process.

    Raises:
      UsageError: a variable has an invalid value, or names a file that does not exist.
    """
    values = {
        field: environment[variable]
        for variable, field in _FIELDS.items()
        if environment.get(variable)
    }
    try:
        settings = MetadataSettings.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"TAXIWAY_METADATA_*: {explain(error, MetadataSettings)}") from error
    for variable in (names.SSL_CA, names.SSL_CERT, names.SSL_KEY):
        file = environment.get(variable)
        if file and not Path(file).is_file():
            raise UsageError(
                f"{variable}: there is no file {file}.", "mount the Secret that contains it"
            )
    return settings
