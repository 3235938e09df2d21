"""The folder that TensorFlow Serving watches."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.errors import DamagedModel, Unblessed
from serving.store import manifest, publish
from serving.store.manifest import Blessing
from tests.conftest import PROJECT
from tests.serving.promises import violations
from tests.serving.publishers import FACTS

Another = Callable[[object], Path]


def _good(_: Path) -> None:
    """Replace the verification, which other tests cover."""


def test_versions_are_consecutive(another: Another, tmp_path: Path) -> None:
    base = tmp_path / "base"
    for number in (1, 2):
        assert publish.publish(another(number), base, FACTS, _good) == base / str(number)
    assert publish.versions(base) == [1, 2]
    assert (base / "2" / "assets.extra" / "note.txt").read_text() == "2"
    assert violations(base, 2, clean=True) == []


def test_a_model_that_is_already_the_newest_version_is_not_published_again(
    saved_model: Path, tmp_path: Path
) -> None:
    published = [publish.publish(saved_model, tmp_path / "base", FACTS, _good) for _ in range(2)]
    assert published == [tmp_path / "base" / "1"] * 2
    assert publish.versions(tmp_path / "base") == [1]


def test_an_earlier_version_can_be_published_again(another: Another, tmp_path: Path) -> None:
    base = tmp_path / "base"
    for content in ("good", "bad"):
        publish.publish(another(content), base, FACTS, _good)
    assert publish.publish(base / "1", base, FACTS, _good) == base / "3"
    first, _, third = publish.manifests(base).values()
    assert (first.model_id, first.files) == (third.model_id, third.files)
    assert violations(base, 3, clean=True) == []


def test_a_newest_version_without_a_manifest_gets_a_next_one_that_has_it(
    saved_model: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    (publish.publish(saved_model, base, FACTS, _good) / manifest.NAME).unlink()
    assert publish.publish(saved_model, base, FACTS, _good) == base / "2"
    assert list(publish.manifests(base)) == [2]


def test_a_newest_version_that_was_damaged_is_not_taken_for_the_model(
    saved_model: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    graph = publish.publish(saved_model, base, FACTS, _good) / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    assert publish.publish(saved_model, base, FACTS, _good) == base / "2"


@pytest.mark.parametrize(
    "change",
    [
        {"blessing": Blessing(blessed=False, reasons=("auc 0.5, the minimum is 0.6",))},
        {"infra_blessing": Blessing(blessed=False)},
    ],
)
def test_an_unblessed_model_is_refused(
    change: dict[str, Blessing], saved_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(Unblessed, match=r"not blessed: (auc 0.5|no reason given)") as caught:
        publish.publish(saved_model, tmp_path / "base", FACTS.model_copy(update=change), _good)
    assert caught.value.where == saved_model
    assert not (tmp_path / "base").exists()


def test_a_model_that_fails_verification_leaves_nothing(saved_model: Path, tmp_path: Path) -> None:
    def bad(folder: Path) -> None:
        raise DamagedModel(folder, "no", "export it again")

    with pytest.raises(DamagedModel):
        publish.publish(saved_model, tmp_path / "base", FACTS, bad)
    assert list((tmp_path / "base").iterdir()) == []


def test_an_interrupted_publisher_leaves_nothing(saved_model: Path, tmp_path: Path) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish.publish(saved_model, tmp_path / "base", FACTS, interrupted)
    assert list((tmp_path / "base").iterdir()) == []


@pytest.mark.parametrize(
    ("touch", "said"),
    [
        (lambda folder: (folder / "saved_model.pb").write_bytes(b""), "saved_model.pb was changed"),
        (lambda folder: (folder / "fingerprint.pb").unlink(), "fingerprint.pb is missing"),
        (lambda folder: (folder / "cache").touch(), "cache was added"),
        (lambda folder: (folder / "link").symlink_to("/etc"), "a symbolic link"),
    ],
)
def test_a_model_that_changes_after_its_verification_is_not_published(
    touch: Callable[[Path], None], said: str, saved_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(DamagedModel, match=said):
        publish.publish(saved_model, tmp_path / "base", FACTS, touch)
    assert list((tmp_path / "base").iterdir()) == []


def test_everything_is_flushed_before_it_is_visible(
    saved_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "deep" / "base"
    flushed: list[Path] = []
    flush = os.fsync

    def fsync(handle: int) -> None:
        flush(handle)
        flushed.append(Path(f"/proc/self/fd/{handle}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    before: list[Path] = []
    version = publish.publish(saved_model, base, FACTS, lambda _: before.extend(flushed))
    staging = base / ".publishing-1"
    staged = {staging, *(staging / path.relative_to(version) for path in version.rglob("*"))}
    assert staged <= set(before)
    assert {tmp_path, tmp_path / "deep"} <= set(before), "the base path outlives a power cut too"
    assert flushed[len(before) :] == [base]


def test_other_names_are_no_versions(tmp_path: Path) -> None:
    (tmp_path / ".publishing-x").mkdir()
    (tmp_path / "notes.txt").touch()
    assert publish.versions(tmp_path) == []
    assert publish.versions(tmp_path / "missing") == []
    assert publish.manifests(tmp_path) == {}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / manifest.NAME).unlink(), "the manifest cannot be read"),
        (lambda folder: (folder / manifest.NAME).write_text("{}"), "not a manifest of format 1"),
        (lambda folder: (folder / "saved_model.pb").unlink(), "saved_model.pb is missing"),
        (lambda folder: (folder / "more").touch(), "more was added"),
        (lambda folder: folder.rename(folder.with_name("2")), "the manifest is of version 1"),
        (lambda folder: (folder / "link").symlink_to("more"), "a symbolic link"),
        (
            lambda folder: (folder / manifest.NAME).write_text(
                (folder / manifest.NAME).read_text().replace('"model_id": "', '"model_id": "0')
            ),
            "model_id is not that of its files",
        ),
    ],
)
def test_a_changed_version_is_detected(
    damage: Callable[[Path], None], said: str, saved_model: Path, tmp_path: Path
) -> None:
    version = publish.publish(saved_model, tmp_path, FACTS, _good)
    assert publish.verify_hashes(version) == []
    damage(version)
    (problem,) = publish.verify_hashes(tmp_path / str(publish.versions(tmp_path)[0]))
    assert said in problem


def test_reading_does_not_import_tensorflow() -> None:
    import subprocess
    import sys

    code = "import sys, serving.store.publish; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
