"""Runs in ML Metadata, on SQLite and on MariaDB."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.metadata import store as metadata
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from tests.pipeline.databases import PASSWORD, Ledger, mariadb


@pytest.fixture(scope="session")
def metadata_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a MariaDB server."""
    if not (shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()):
        pytest.skip(
            "no MariaDB server; on Debian: apt-get install mariadb-server-core mariadb-client-core"
        )
    with mariadb(tmp_path_factory.mktemp("mariadb")) as port:
        yield port


@pytest.fixture(params=["sqlite", "mariadb"])
def metadata_settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings with an empty database of each kind."""
    of_database = MetadataSettings()
    if request.param == "mariadb":
        monkeypatch.setenv("TAXIWAY_METADATA_PASSWORD", PASSWORD)
        of_database = MetadataSettings(
            host="127.0.0.1",
            port=request.getfixturevalue("metadata_server"),
            database=f"taxiway_{abs(hash(request.node.nodeid))}",
        )
    return Settings(workspace=tmp_path, metadata=of_database)


@pytest.fixture
def ledger(metadata_settings: Settings) -> Ledger:
    """Three runs, each with its version."""
    ledger = Ledger(
        Workspace(metadata_settings.workspace, metadata_settings.name),
        metadata.open_store(metadata_settings),
    )
    for number in range(1, 4):
        ledger.run(number)
    return ledger
