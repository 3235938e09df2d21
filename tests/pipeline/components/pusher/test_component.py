"""The arguments that Pusher passes to the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from pipeline.components import summaries
from pipeline.components.pusher import component
from pipeline.components.pusher.component import VersionedPusherExecutor
from serving.errors import DamagedModel, Unblessed
from serving.store import manifest, model_config
from serving.store.manifest import Facts

Published = list[tuple[Path, Path, Facts]]


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    """The calls of the store."""
    calls: Published = []

    really_publish = component.store.publish

    def publish(model: Path, base: Path, facts: Facts) -> Path:
        if "damaged" in str(base):
            raise DamagedModel(model, "no", "export it again")
        calls.append((model, base, facts))
        return really_publish(model, base, facts, lambda _: None)

    monkeypatch.setattr(component.store, "publish", publish)
    return calls


def _artifact(kind: Any, uri: Path, number: int, **properties: Any) -> list[Any]:
    artifact = kind()
    artifact.uri, artifact.id = str(uri), number
    for name, value in properties.items():
        setter = "int" if isinstance(value, int) else "string"
        getattr(artifact, f"set_{setter}_custom_property")(name, value)
    return [artifact]


def _push(tmp_path: Path, base: str = "flights", config: Any = None, **inputs: list[Any]) -> Any:
    (tmp_path / "model" / "Format-Serving").mkdir(parents=True, exist_ok=True)
    # Another run makes another model.
    (tmp_path / "model" / "Format-Serving" / "saved_model.pb").write_text(json.dumps(config))
    model = _artifact(standard_artifacts.Model, tmp_path / "model", 7)
    (pushed,) = _artifact(standard_artifacts.PushedModel, tmp_path / "pushed", 9)
    destination = pusher_pb2.PushDestination()
    destination.filesystem.base_directory = str(tmp_path / base)
    VersionedPusherExecutor().Do(
        {"model": model, **inputs},
        {"pushed_model": [pushed]},
        {
            "push_destination": proto_utils.proto_to_json(destination),
            "custom_config": json.dumps(config or {}),
        },
    )
    return pushed


def test_a_blessed_model_is_published_with_its_facts(published: Published, tmp_path: Path) -> None:
    pushed = _push(
        tmp_path,
        model_blessing=_artifact(
            *(standard_artifacts.ModelBlessing, tmp_path / "blessing", 8),
            blessed=1,
            baseline_model_id=4,
            blessing_message="rubber stamped",
        ),
    )
    ((model, base, facts),) = published
    assert (model, base) == (tmp_path / "model" / "Format-Serving", tmp_path / "flights")
    assert (facts.name, facts.infra_blessing) == ("flights", None)
    assert facts.blessing.model_dump() == {
        "blessed": True,
        "reasons": ("rubber stamped",),
        "artifact_uri": str(tmp_path / "blessing"),
    }
    assert facts.mlmd == {
        "model_artifact_id": 7,
        "model_blessing_artifact_id": 8,
        "baseline_model_artifact_id": 4,
    }
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == "1"
    version = manifest.read(tmp_path / "flights" / "1")
    assert pushed.get_string_custom_property("model_id") == version.model_id
    assert model_config.load_served_model(base).aliases == {"stable": 1}


def test_the_infra_blessing_is_recorded_too(published: Published, tmp_path: Path) -> None:
    infra = _artifact(
        standard_artifacts.InfraBlessing, tmp_path / "infra", 6, blessing_status="INFRA_BLESSED"
    )
    infra[0].set_int_custom_property("blessed", 1)
    _push(tmp_path, infra_blessing=infra)
    assert published[0][2].infra_blessing is not None
    assert published[0][2].infra_blessing.artifact_uri == str(tmp_path / "infra")


def test_a_model_that_is_not_blessed_is_not_published(published: Published, tmp_path: Path) -> None:
    blessing = _artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing", 8, blessed=0)
    pushed = _push(tmp_path, model_blessing=blessing)
    assert published == []
    assert pushed.get_int_custom_property("pushed") == 0


def test_a_version_waits_for_its_alias_when_the_settings_say_so(
    published: Published, tmp_path: Path
) -> None:
    blessing = _artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing", 8, blessed=1)
    _push(tmp_path, config={"publish": {"promote": False}}, model_blessing=blessing)
    assert (tmp_path / "flights" / "1").exists()
    assert model_config.load_served_model(tmp_path / "flights").aliases == {}


def test_a_version_of_an_older_span_does_not_become_stable_by_itself(
    published: Published, tmp_path: Path
) -> None:
    blessing = _artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing", 8, blessed=1)
    base = tmp_path / "flights"
    stable = {}
    for version, span in enumerate((201304, 201302, 201305), 1):
        config = {"spans": {"eval": span}, "publish": {"settle_seconds": 0}}
        pushed = _push(tmp_path, config=config, model_blessing=blessing)
        assert (base / str(version)).exists()
        stable[version] = model_config.load_served_model(base).aliases["stable"]
        if span == 201302:
            assert model_config.load_served_model(base).loads == {1}, (
                "no server takes it for the newest"
            )
            assert summaries.pusher({"pushed_model": pushed.mlmd_artifact}) == (
                "pushed as version 2, not promoted: the stable version 1 was evaluated on "
                "newer data (span 201304); taxiway registry promote 2"
            )
    assert stable == {1: 1, 2: 1, 3: 3}


def test_a_model_without_a_blessing_is_not_published(published: Published, tmp_path: Path) -> None:
    with pytest.raises(Unblessed):
        _push(tmp_path)
    assert published[0][2].blessing.blessed is False


def test_a_model_that_the_store_refuses_is_not_marked_pushed(
    published: Published, tmp_path: Path
) -> None:
    blessing = _artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing", 8, blessed=1)
    with pytest.raises(DamagedModel):
        _push(tmp_path, "damaged", model_blessing=blessing)
