"""A workspace that was moved, with its database or with a server's."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.errors import UsageError
from pipeline.metadata import relocation
from pipeline.metadata import store as metadata
from pipeline.metadata.blessed import latest_blessed_model
from pipeline.registry import index
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.store import publish
from tests.pipeline.databases import Ledger


def _moved(settings: Settings, folder: Path) -> tuple[Settings, Workspace]:
    folder.mkdir()
    for name in ("artifacts", "models", "metadata"):
        if (settings.workspace / name).exists():
            (settings.workspace / name).rename(folder / name)
    return settings.model_copy(update={"workspace": folder}), Workspace(folder, settings.name)


def test_every_path_follows_the_workspace(
    ledger: Ledger, metadata_settings: Settings, tmp_path: Path
) -> None:
    metadata.claim(ledger.store, metadata_settings)
    settings, workspace = _moved(metadata_settings, tmp_path / "moved [1] 서울")
    store = metadata.open_store(settings)
    assert relocation.relocate(store, workspace) == str(tmp_path)
    assert metadata.claim(store, settings) == ""
    for artifact in store.get_artifacts():
        assert Path(artifact.uri).exists() and Path(artifact.uri).is_relative_to(workspace.root)
    latest = latest_blessed_model(store)
    assert latest is not None and Path(latest.uri).is_relative_to(workspace.root)
    base = workspace.model_base
    assert not index.differences(store, base, publish.manifests(base))
    [owner] = relocation.owners(store)
    assert owner.name == str(workspace.root.resolve())


def test_sqlite_moves_by_itself_and_a_server_asks(
    ledger: Ledger, metadata_settings: Settings, tmp_path: Path
) -> None:
    metadata.claim(ledger.store, metadata_settings)
    settings, workspace = _moved(metadata_settings, tmp_path / "moved")
    store = metadata.open_store(settings)
    if metadata_settings.metadata.host is None:
        assert metadata.claim(store, settings) == str(tmp_path)
        return
    with pytest.raises(UsageError, match="belongs to another workspace") as caught:
        metadata.claim(store, settings)
    assert caught.value.next_step.endswith("taxiway registry relocate")
    relocation.relocate(store, workspace)
    assert metadata.claim(store, settings) == ""


def test_a_database_of_an_earlier_release_names_no_owner_and_moves_too(
    ledger: Ledger, metadata_settings: Settings, tmp_path: Path
) -> None:
    settings, workspace = _moved(metadata_settings, tmp_path / "moved")
    store = metadata.open_store(settings)
    assert relocation.relocate(store, workspace) == str(tmp_path)
    assert latest_blessed_model(store) is not None


def test_a_half_rewritten_database_is_completed(
    ledger: Ledger, metadata_settings: Settings, tmp_path: Path
) -> None:
    metadata.claim(ledger.store, metadata_settings)
    settings, workspace = _moved(metadata_settings, tmp_path / "moved")
    store = metadata.open_store(settings)
    first, *_ = store.get_artifacts()
    first.uri = str(workspace.root / Path(first.uri).relative_to(tmp_path))
    store.put_artifacts([first])
    assert relocation.relocate(store, workspace) == str(tmp_path)
    assert all(Path(artifact.uri).exists() for artifact in store.get_artifacts())


def test_a_link_to_the_workspace_is_no_move(
    ledger: Ledger, metadata_settings: Settings, tmp_path: Path
) -> None:
    metadata.claim(ledger.store, metadata_settings)
    (tmp_path / "link").symlink_to(tmp_path)
    before = [artifact.uri for artifact in ledger.store.get_artifacts()]
    linked = metadata_settings.model_copy(update={"workspace": tmp_path / "link"})
    assert metadata.claim(ledger.store, linked) == ""
    assert [artifact.uri for artifact in ledger.store.get_artifacts()] == before


def test_paths_outside_of_workspaces_stay(ledger: Ledger, tmp_path: Path) -> None:
    uris = ["gs://bucket/artifacts/Trainer/model/4", "/data/rows", "", "/a/artifacts/x/y/z"]
    kind = ledger.store.put_artifact_type(mlmd.ArtifactType(name="Other"))
    ids = ledger.store.put_artifacts([mlmd.Artifact(type_id=kind, uri=uri) for uri in uris])
    relocation.relocate(ledger.store, Workspace(tmp_path / "moved", "flights"))
    assert [artifact.uri for artifact in ledger.store.get_artifacts_by_id(ids)] == uris
