"""How a task reaches ML Metadata: its environment says it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.kubeflow import names
from pipeline.settings.explain import explain
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


def database(environment: Mapping[str, str]) -> MetadataSettings:
    """Return where ML Metadata is kept; without a host, in a SQLite file in the workspace.

    The password stays in the environment, from where it is read when a connection is made.

    Args:
      environment: of the process.

    Raises:
      UsageError: a variable has a wrong value, or names a file that is not there.
    """
    values = {
        field: environment[variable]
        for variable, field in _FIELDS.items()
        if environment.get(variable)
    }
    try:
        found = MetadataSettings.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"TAXIWAY_METADATA_*: {explain(error, MetadataSettings)}") from error
    for variable in (names.SSL_CA, names.SSL_CERT, names.SSL_KEY):
        file = environment.get(variable)
        if file and not Path(file).is_file():
            raise UsageError(
                f"{variable}: there is no file {file}.", "mount the Secret that it comes from"
            )
    return found
