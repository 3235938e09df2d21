"""The section `[metadata]` of a settings file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pipeline.settings.base import Frozen


class MetadataSettings(Frozen):
    """Where ML Metadata is kept: in the workspace, or in a MySQL or MariaDB server for a team.

    The password is read from the environment's TAXIWAY_METADATA_PASSWORD, or from a file.
    """

    host: str | None = Field(
        None, description="the server's host; without it, SQLite in the workspace"
    )
    port: int = Field(3306, ge=1, le=65535, description="the server's port")
    database: str = Field(
        "taxiway", description="the database on the server; created when it is missing"
    )
    user: str = Field("taxiway", description="the user on the server")
    password_file: Path | None = Field(
        None, description="a file that contains the password and nothing else"
    )
    ssl_ca: Path | None = Field(
        None, description="the certificate of the authority that signed the server's certificate"
    )
    ssl_cert: Path | None = Field(
        None, description="the client certificate that the server requires"
    )
    ssl_key: Path | None = Field(None, description="the key of the client certificate")
