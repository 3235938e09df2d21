"""The manifest of a published version."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from serving.errors import UnreadableManifest
from serving.storage.local import FileEntry
from serving.store import manifest, publish
from serving.store.manifest import Blessing, Facts, Manifest, SliceMetrics, Spans

FULL = Facts(
    name="flights",
    blessing=Blessing(blessed=True, artifact_uri="/artifacts/Evaluator/blessing/9"),
    infra_blessing=Blessing(blessed=True, reasons=("answered in 3 ms",)),
    run_id="20261123-120000",
    mlmd={"execution_id": 10, "model_artifact_id": 7},
    code_hash="abc",
    spans=Spans(train=(201301, 201302), eval=201303),
    hyperparameters={"learning_rate": 0.001, "hidden": [64, 32]},
    metrics={"auc": 0.69, "precision": math.nan},
    slices=(SliceMetrics(slice="carrier=UA", metrics={"auc": math.inf}),),
    published_by="flights.Pusher",
)


def test_a_version_says_all_that_is_known_of_it(saved_model: Path, tmp_path: Path) -> None:
    version = publish.publish(saved_model, tmp_path, FULL, lambda _: None)
    facts = manifest.read(version)
    assert Facts(**{name: getattr(facts, name) for name in Facts.model_fields}) == FULL
    assert (facts.version, facts.format_version) == (1, 1)
    assert sorted(facts.files) == sorted(
        str(file.relative_to(saved_model)) for file in saved_model.rglob("*") if file.is_file()
    )
    assert facts.files["saved_model.pb"].bytes == (saved_model / "saved_model.pb").stat().st_size
    moment = datetime.datetime.fromisoformat(facts.published_at)
    assert moment.utcoffset() == datetime.timedelta(0)
    assert publish.manifests(tmp_path) == {1: facts}


def test_the_file_is_strict_sorted_json(saved_model: Path, tmp_path: Path) -> None:
    text = (
        publish.publish(saved_model, tmp_path, FULL, lambda _: None) / manifest.NAME
    ).read_text()
    assert text.endswith("}\n")
    content = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert text == json.dumps(content, sort_keys=True, indent=2) + "\n"
    assert content["metrics"] == {"auc": 0.69, "precision": None}
    assert content["slices"] == [{"metrics": {"auc": None}, "slice": "carrier=UA"}]


_ENTRIES = st.builds(FileEntry, sha256=st.text(max_size=64), bytes=st.integers(0))


@given(
    st.builds(
        Manifest,
        name=st.text(),
        metrics=st.dictionaries(st.text(), st.none() | st.floats()),
        files=st.dictionaries(st.text(), _ENTRIES),
        hyperparameters=st.just({}),
    )
)
def test_a_manifest_is_read_as_it_was_written(written: Manifest) -> None:
    assert Manifest.model_validate_json(written.to_json()) == written


def test_the_same_files_have_the_same_id() -> None:
    one, other = FileEntry(sha256="1", bytes=1), FileEntry(sha256="2", bytes=1)
    assert manifest.model_id({"a": one, "b": other}) == manifest.model_id({"b": other, "a": one})
    assert manifest.model_id({"a": one, "b": other}) != manifest.model_id({"a": other, "b": one})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "Invalid JSON"),
        ("{", "Invalid JSON"),
        ('{"format_version": 2}', "format_version|name"),
        ("[]", "not a manifest"),
    ],
)
def test_a_damaged_manifest_is_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / manifest.NAME).write_text(content)
    with pytest.raises(UnreadableManifest, match=said) as caught:
        manifest.read(tmp_path)
    assert str(tmp_path / manifest.NAME) in str(caught.value)
    assert caught.value.next_step


def test_a_manifest_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        FULL.name = "other"  # type: ignore[misc]
