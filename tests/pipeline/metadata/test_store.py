"""The connection to ML Metadata: SQLite for one, MariaDB for a team."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InfrastructureError, UsageError
from pipeline.metadata import store as metadata
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from tests.pipeline.databases import Ledger


def test_a_server_s_database_is_one_workspace_s(
    ledger: Ledger, metadata_settings: Settings, tmp_path: Path
) -> None:
    metadata.claim(ledger.store, metadata_settings)
    other = metadata_settings.model_copy(update={"workspace": tmp_path / "other"})
    if metadata_settings.metadata.host is None:
        metadata.claim(ledger.store, other)
        return
    with pytest.raises(UsageError, match="belongs to another workspace") as caught:
        metadata.claim(ledger.store, other)
    assert caught.value.next_step.startswith("give each workspace its own database; ")


def test_two_runs_may_claim_a_database_at_once(
    ledger: Ledger, metadata_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = metadata_settings.model_copy(update={"metadata": MetadataSettings(host="db.example")})
    metadata.claim(ledger.store, server)
    stock = ledger.store.get_contexts_by_type
    monkeypatch.setattr(
        ledger.store,
        "get_contexts_by_type",
        lambda kind: [] if kind == "taxiway.Workspace" else stock(kind),
    )
    metadata.claim(ledger.store, server)


def test_a_server_that_refuses_is_named_without_the_password(
    metadata_server: int, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("wrong-password\n")
    of_database = MetadataSettings(
        host="127.0.0.1", port=metadata_server, password_file=tmp_path / "password"
    )
    refused = Settings(workspace=tmp_path, metadata=of_database)
    with pytest.raises(InfrastructureError) as caught:
        metadata.open_store(refused)
    assert caught.value.what == (
        f"ML Metadata cannot be opened: 127.0.0.1:{metadata_server} refuses user taxiway with the "
        "given password, or has no rights to database taxiway."
    )
    gone = of_database.model_copy(update={"password_file": tmp_path / "gone"})
    with pytest.raises(UsageError, match=r"gone: No such file"):
        metadata.open_store(Settings(workspace=tmp_path, metadata=gone))


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    of_database = MetadataSettings(host="127.0.0.1", port=1)
    with pytest.raises(InfrastructureError, match=r"no server answers at 127\.0\.0\.1:1: "):
        metadata.open_store(Settings(workspace=tmp_path, metadata=of_database))
