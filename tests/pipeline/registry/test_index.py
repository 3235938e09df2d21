"""The registry on ML Metadata: SQLite for one, MariaDB for a team."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.errors import InfrastructureError, UsageError
from pipeline.metadata import artifacts, executions, lineage, properties
from pipeline.metadata import store as metadata
from pipeline.metadata.blessed import latest_blessed_model
from pipeline.registry import index
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.store import manifest, publish
from tests.pipeline.databases import Ledger
from tests.pipeline.registry.garbage import collect, folders


def _differences(ledger: Ledger) -> list[str]:
    base = ledger.workspace.model_base
    return index.differences(ledger.store, base, publish.manifests(base))


def test_a_version_is_traced_back_to_its_source(ledger: Ledger) -> None:
    known = manifest.read(ledger.workspace.model_base / "2")
    origin = lineage.trace(ledger.store, known)
    assert origin is not None and (origin.name, origin.id) == ("Pusher", known.mlmd["execution_id"])
    model, blessing, _ = origin.came_from
    assert (model.name, model.id) == ("Model", known.mlmd["model_artifact_id"])
    [trainer] = model.came_from
    [examples] = trainer.came_from
    assert [(each.kind, each.name, each.uri) for each in examples.came_from] == [
        ("execution", "ExampleGen", ""), ("fact", "train files", "data/2/*.parquet"),
    ]  # fmt: skip
    [evaluator] = blessing.came_from
    assert [each.came_from for each in evaluator.came_from] == [[], []], "they stand above"


def test_without_the_database_the_manifest_says_it(ledger: Ledger, tmp_path: Path) -> None:
    known = manifest.read(ledger.workspace.model_base / "2")
    other = metadata.open_store(Settings(workspace=tmp_path / "other"))
    assert lineage.trace(other, known) is None
    facts = {each.name: each.uri for each in lineage.from_manifest(known).came_from}
    assert facts["run"] == "run-2"
    assert facts["model artifact id"] == str(known.mlmd["model_artifact_id"])


def test_manifests_and_ml_metadata_say_the_same(ledger: Ledger) -> None:
    assert _differences(ledger) == []


def test_what_only_one_of_them_knows_is_found(ledger: Ledger) -> None:
    base = ledger.workspace.model_base
    (base / "1" / "taxiway.json").unlink()
    [pushed] = [
        each
        for each in ledger.store.get_artifacts_by_type("PushedModel")
        if each.custom_properties["pushed_version"].string_value == "2"
    ]
    pushed.custom_properties["model_id"].string_value = "another"
    ledger.store.put_artifacts([pushed])
    (candidate := ledger.workspace.root / "candidate").mkdir()
    (candidate / "saved_model.pb").write_text("by hand")
    facts = manifest.read(base / "3").model_dump(include=set(manifest.Facts.model_fields))
    publish.publish(candidate, base, manifest.Facts.model_validate(facts), lambda _: None)
    different, unknown, gone = _differences(ledger)
    assert different.startswith("version 2: its manifest has model ")
    assert unknown == "version 4: ML Metadata does not have it"
    assert gone.startswith("version 1: ML Metadata's artifact ")
    assert index.rebuild(ledger.store, base, publish.manifests(base)) == [2, 4]
    assert _differences(ledger) == []
    assert index.rebuild(ledger.store, base, publish.manifests(base)) == []


def test_a_lost_database_is_rebuilt_from_the_manifests(ledger: Ledger, tmp_path: Path) -> None:
    base = ledger.workspace.model_base
    empty = metadata.open_store(Settings(workspace=tmp_path / "other"))
    found = publish.manifests(base)
    assert len(index.differences(empty, base, found)) == 3
    assert index.rebuild(empty, base, found) == [1, 2, 3]
    assert index.differences(empty, base, found) == []
    pushed = empty.get_artifacts_by_type("PushedModel")
    assert [each.uri for each in pushed] == [str(base / str(version)) for version in found]


def test_what_a_lost_database_knew_is_neither_removed_nor_overwritten(
    ledger: Ledger, tmp_path: Path
) -> None:
    before = folders(ledger)
    highest = max(each.id for each in ledger.store.get_executions())
    other = metadata.open_store(Settings(workspace=tmp_path / "other"))
    new = Ledger(ledger.workspace, other)
    index.rebuild(other, new.workspace.model_base, publish.manifests(new.workspace.model_base))
    assert executions.reserve_lost(other, new.workspace) == highest
    assert executions.reserve_lost(other, new.workspace) == 0
    new.run(4)
    assert set(before) < set(folders(new))
    assert collect(new) == [("version", "models/flights/1"), ("version", "models/flights/2")]
    assert set(before) < set(folders(new))
    known = manifest.read(new.workspace.model_base / "3")
    assert lineage.trace(other, known) is None
    assert _differences(new) == []


def test_another_run_with_the_same_number_is_no_origin(ledger: Ledger, tmp_path: Path) -> None:
    place = Workspace(tmp_path / "other", "flights")
    other = Ledger(place, metadata.open_store(Settings(workspace=place.root)))
    for number in range(7, 10):
        other.run(number)
    known = manifest.read(ledger.workspace.model_base / "2")
    assert other.store.get_executions_by_id([known.mlmd["execution_id"]])
    assert lineage.trace(other.store, known) is None


def test_the_workspace_may_be_spelled_otherwise_or_moved(ledger: Ledger, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(ledger.workspace.root, target_is_directory=True)
    there = Ledger(Workspace(link, "flights"), ledger.store)
    assert _differences(there) == []
    removed = [path for kind, path in collect(there) if kind == "artifact"]
    assert all(path.endswith(("/1", "/2", "/3", "/4", "/5")) for path in removed)
    moved = Ledger(Workspace(tmp_path / "moved", "flights"), ledger.store)
    ledger.workspace.artifacts.parent.joinpath("models").rename(tmp_path / "models")
    ledger.workspace.artifacts.rename(tmp_path / "artifacts")
    moved.workspace.root.mkdir()
    for name in ("models", "artifacts"):
        (tmp_path / name).rename(moved.workspace.root / name)
    assert collect(moved) == []


def test_a_manifest_that_claims_another_run_is_found(ledger: Ledger) -> None:
    base = ledger.workspace.model_base
    file = base / "2" / "taxiway.json"
    file.write_text(file.read_text().replace('"run-2"', '"run-9"'))
    [different] = _differences(ledger)
    execution = manifest.read(base / "2").mlmd["execution_id"]
    assert different == (
        f"version 2: its manifest names execution {execution} of run run-9, "
        f"ML Metadata names {execution} of run run-2"
    )
    assert index.rebuild(ledger.store, base, publish.manifests(base)) == [2]
    assert _differences(ledger) == []


def test_a_blessing_that_the_judge_did_not_give_is_found(ledger: Ledger) -> None:
    base = ledger.workspace.model_base
    blessing = ledger.store.get_artifacts_by_type("ModelBlessing")[0]
    blessing.custom_properties["blessed"].int_value = 0
    ledger.store.put_artifacts([blessing])
    [different] = _differences(ledger)
    assert different == (
        "version 1: its manifest states that it is blessed, ML Metadata's ModelBlessing "
        f"{blessing.id} does not; promote another version"
    )
    assert index.rebuild(ledger.store, base, publish.manifests(base)) == []
    assert _differences(ledger) == [different]


def test_a_second_push_of_the_same_version_is_no_difference(ledger: Ledger) -> None:
    base = ledger.workspace.model_base
    [artifact] = [
        each
        for each in ledger.store.get_artifacts_by_type("PushedModel")
        if properties.text(each, "pushed_version") == "3"
    ]
    kind = ledger.store.get_execution_type("tfx.Pusher").id
    again = mlmd.Artifact()
    again.CopyFrom(artifact)
    again.ClearField("id")
    ledger.store.put_execution(
        mlmd.Execution(type_id=kind), [(again, mlmd.Event(type=mlmd.Event.OUTPUT))], []
    )
    assert _differences(ledger) == []
    assert index.rebuild(ledger.store, base, publish.manifests(base)) == []


def test_a_server_s_database_is_one_workspace_s(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    metadata.claim(ledger.store, settings)
    other = settings.model_copy(update={"workspace": tmp_path / "other"})
    if settings.metadata.host is None:
        metadata.claim(ledger.store, other)
        return
    with pytest.raises(UsageError, match="belongs to another workspace") as caught:
        metadata.claim(ledger.store, other)
    assert caught.value.next_step == "give each workspace its own database"


def test_two_runs_may_claim_a_database_at_once(
    ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = settings.model_copy(update={"metadata": MetadataSettings(host="db.example")})
    metadata.claim(ledger.store, server)
    stock = ledger.store.get_contexts_by_type
    monkeypatch.setattr(
        ledger.store,
        "get_contexts_by_type",
        lambda kind: [] if kind == "taxiway.Workspace" else stock(kind),
    )
    metadata.claim(ledger.store, server)


def test_a_server_that_refuses_is_named_without_the_password(server: int, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong-password\n")
    of_database = MetadataSettings(
        host="127.0.0.1", port=server, password_file=tmp_path / "password"
    )
    refused = Settings(workspace=tmp_path, metadata=of_database)
    with pytest.raises(InfrastructureError) as caught:
        metadata.open_store(refused)
    assert caught.value.what == (
        f"ML Metadata cannot be opened: 127.0.0.1:{server} refuses user taxiway with the given "
        "password, or has no rights to database taxiway."
    )
    gone = of_database.model_copy(update={"password_file": tmp_path / "gone"})
    with pytest.raises(UsageError, match=r"gone: No such file"):
        metadata.open_store(Settings(workspace=tmp_path, metadata=gone))


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    of_database = MetadataSettings(host="127.0.0.1", port=1)
    with pytest.raises(InfrastructureError, match=r"no server answers at 127\.0\.0\.1:1: "):
        metadata.open_store(Settings(workspace=tmp_path, metadata=of_database))


def test_a_model_that_cannot_be_served_is_no_baseline(ledger: Ledger) -> None:
    first, second, third = ledger.store.get_artifacts_by_type("Model")
    assert latest_blessed_model(ledger.store).id == third.id  # type: ignore[union-attr]
    for model, before in ((third, second), (second, first)):
        [served] = [
            each
            for each in ledger.store.get_artifacts_by_type("InfraBlessing")
            if properties.number(each, "current_model_id") == model.id
        ]
        served.custom_properties["blessed"].int_value = 0
        ledger.store.put_artifacts([served])
        assert latest_blessed_model(ledger.store).id == before.id  # type: ignore[union-attr]


def test_outdated_outputs_of_a_cached_execution_are_discarded(ledger: Ledger) -> None:
    """A cached push would name a version that is no longer the newest."""
    kind = ledger.store.put_artifact_type(mlmd.ArtifactType(name="InfraBlessing"))
    refused = mlmd.Artifact(type_id=kind, uri=str(ledger.workspace.root), state=mlmd.Artifact.LIVE)
    refused.custom_properties["blessed"].int_value = 0
    ledger.store.put_artifacts([refused])
    outdated = artifacts.discard_outdated(ledger.store, ledger.store.get_artifacts())
    assert len(outdated) == 3
    deleted = {
        (artifact.type, properties.text(artifact, "pushed_version"))
        for artifact in ledger.store.get_artifacts()
        if artifact.state == mlmd.Artifact.DELETED
    }
    # The pushes of versions 1 and 2: 3 is the newest.
    assert deleted == {("InfraBlessing", ""), ("PushedModel", "1"), ("PushedModel", "2")}


def test_a_model_without_its_files_is_no_baseline(ledger: Ledger) -> None:
    _, second, third = ledger.store.get_artifacts_by_type("Model")
    shutil.rmtree(third.uri)
    assert latest_blessed_model(ledger.store).id == second.id  # type: ignore[union-attr]
