"""The index of versions in ML Metadata, on SQLite and on MariaDB."""

from __future__ import annotations

from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import executions, lineage, properties
from pipeline.metadata import store as metadata
from pipeline.registry import index
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.store import manifest, publish
from tests.pipeline.databases import Ledger
from tests.pipeline.registry.garbage import collect, folders


def _differences(ledger: Ledger) -> list[str]:
    base = ledger.workspace.model_base
    return index.differences(ledger.store, base, publish.manifests(base))


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


def test_verification_repairs_the_index_when_asked(
    ledger: Ledger, metadata_settings: Settings
) -> None:
    assert index.verify(metadata_settings) == index.Verification({1: [], 2: [], 3: []}, [], [])
    pushed = ledger.store.get_artifacts_by_type("PushedModel")[-1]
    pushed.custom_properties["model_id"].string_value = "another"
    ledger.store.put_artifacts([pushed])
    (ledger.workspace.model_base / "1" / "saved_model.pb").write_text("damaged")
    differing = index.verify(metadata_settings)
    assert [len(texts) for texts in differing.problems.values()] == [1, 0, 0]
    assert (len(differing.differences), differing.entered) == (1, [])
    repaired = index.verify(metadata_settings, repair=True)
    assert (repaired.differences, repaired.entered) == ([], [3])
    assert not repaired.is_clean, "version 1 is still damaged"


def test_a_workspace_without_versions_is_clean_without_a_database(tmp_path: Path) -> None:
    verification = index.verify(Settings(workspace=tmp_path / "workspace"))
    assert verification.is_clean and not (tmp_path / "workspace").exists()
