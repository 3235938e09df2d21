"""The folder that TensorFlow Serving watches: one sub-folder per published version."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from serving.errors import (
    DamagedModel,
    StoreError,
    StoreUnwritable,
    Unblessed,
    UnreadableManifest,
)
from serving.storage import local
from serving.storage.local import FileEntry
from serving.store import lock, manifest, model_files
from serving.store.manifest import Facts, Manifest
from serving.store.verify import in_worker_process

# Longer than one verification may take.
WAIT_SECONDS = 900.0

_STAGING = ".publishing-"


def versions(base: Path) -> list[int]:
    """List the published versions of a model.

    Args:
      base: TensorFlow Serving's model base path.

    Returns:
      Version numbers, oldest first; none when the folder is missing.
    """
    if not base.is_dir():
        return []
    return sorted(int(entry.name) for entry in base.iterdir() if entry.name.isdecimal())


def manifests(base: Path) -> dict[int, Manifest]:
    """Read the manifests of the published versions of a model.

    A version whose manifest is missing or damaged is left out; `verify_hashes` reports the reason.

    Args:
      base: TensorFlow Serving's model base path.

    Returns:
      Manifest by version.
    """
    manifests_by_version = {}
    for version in versions(base):
        try:
            manifests_by_version[version] = manifest.read(base / str(version))
        except UnreadableManifest:
            continue
    return manifests_by_version


def verify_hashes(version_dir: Path) -> list[str]:
    """Compare the files of a published version with its manifest.

    Args:
      version_dir: folder of the version.

    Returns:
      One text per difference; none when the version is unchanged since it was published.
    """
    try:
        published = manifest.read(version_dir)
        content = model_files.hash_files(version_dir)
    except StoreError as error:
        return [str(error)]
    problems = _differences(published.files, content)
    if str(published.version) != version_dir.name:
        problems.append(f"{version_dir}: the manifest is of version {published.version}")
    if manifest.model_id(published.files) != published.model_id:
        problems.append(f"{version_dir}: the manifest's model_id is not that of its files")
    return problems


def publish(
    model: Path,
    base: Path,
    facts: Facts,
    verify: Callable[[Path], None] = in_worker_process,
    wait: float = WAIT_SECONDS,
) -> Path:
    """Publish a blessed SavedModel as the next version, unless it is the newest version already.

    The copy is made under a name that TensorFlow Serving ignores. It is flushed and verified, and
    becomes visible in one rename, so no server ever sees an incomplete or unusable model.

    Args:
      model: folder of the SavedModel, or of an earlier version.
      base: TensorFlow Serving's model base path; created if missing.
      facts: facts about the model, for its manifest.
      verify: function that raises DamagedModel when the given folder is not a usable SavedModel;
        default: load and call the model in a separate process.
      wait: seconds to wait for another publisher; default 900.

    Returns:
      The version's folder, whose name is the version number.

    Raises:
      Unblessed: the facts state that the model is not blessed.
      DamagedModel: the model cannot be served.
      StoreBusy: another publisher holds the lock.
      StoreUnwritable: the version cannot be written.

    Example:
      >>> from pathlib import Path
      >>> from serving.store.manifest import Blessing, Facts
      >>> from serving.store.publish import publish
      >>> facts = Facts(name="flights", blessing=Blessing(blessed=True))
      >>> publish(Path("exported/model"), Path("models/flights"), facts)
      PosixPath('models/flights/1')
    """
    _refuse_unblessed(model, facts)
    try:
        local.make_folder(base)
        with lock.exclusive(base, wait):
            _remove_leftovers(base)
            return _publish(model, base, facts, verify)
    except OSError as error:
        path = Path(error.filename) if isinstance(error.filename, str) else base
        raise StoreUnwritable(
            path,
            f"cannot publish a version under {base}: {error.strerror or error}",
            "free disk space or fix the permissions, and publish again",
        ) from error


def _refuse_unblessed(model: Path, facts: Facts) -> None:
    for blessing in filter(None, (facts.blessing, facts.infra_blessing)):
        if not blessing.blessed:
            reasons = "; ".join(blessing.reasons) or "no reason given"
            raise Unblessed(
                model,
                f"the model is not blessed: {reasons}",
                "change the model, its data, or the bounds that it misses",
            )


def _publish(model: Path, base: Path, facts: Facts, verify: Callable[[Path], None]) -> Path:
    number = max(versions(base), default=0)
    newest = base / str(number)
    if _same_content(model, newest):
        # The publisher that made it may have been killed before it flushed the folder.
        local.flush_folder(base)
        return newest
    version = base / str(number + 1)
    staging = base / f"{_STAGING}{number + 1}"
    try:
        content = _stage(model, staging)
        facts_of_version = Manifest(
            **dict(facts),
            version=number + 1,
            model_id=manifest.model_id(content),
            published_at=_now(),
            files=content,
        )
        local.write(staging / manifest.NAME, facts_of_version.to_json())
        _flush_folders(staging)
        verify(staging)
        # The verified files must equal the files that were read, and must be unchanged since.
        problems = _differences(content, model_files.hash_files(staging))
        if problems:
            raise DamagedModel(staging, "; ".join(problems), "publish again, or check the disk")
        staging.rename(version)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    local.flush_folder(base)
    return version


def _remove_leftovers(base: Path) -> None:
    """Remove what killed publishers left; under the lock, no other publisher is running."""
    for staging in base.glob(f"{_STAGING}*"):
        if staging.is_dir() and not staging.is_symlink():
            shutil.rmtree(staging)


def _stage(model: Path, staging: Path) -> dict[str, FileEntry]:
    staging.mkdir()
    content: dict[str, FileEntry] = {}
    for name in model_files.list_files(model):
        target = staging / name
        for folder in reversed(target.relative_to(staging).parents):
            if not (staging / folder).exists():
                (staging / folder).mkdir()
        content[name.as_posix()] = local.copy(model / name, target)
    return content


def _flush_folders(staging: Path) -> None:
    for folder in [*(path for path in staging.rglob("*") if path.is_dir()), staging]:
        local.flush_folder(folder)


def _differences(expected: Mapping[str, FileEntry], actual: Mapping[str, FileEntry]) -> list[str]:
    problems = []
    for name in sorted({*expected, *actual}):
        if name not in actual:
            problems.append(f"{name} is missing")
        elif name not in expected:
            problems.append(f"{name} was added")
        elif actual[name] != expected[name]:
            problems.append(
                f"{name} was changed: got {actual[name].bytes} bytes with SHA-256"
                f" {actual[name].sha256[:12]}..., {expected[name].bytes} bytes with"
                f" {expected[name].sha256[:12]}... expected"
            )
    return problems


def _same_content(model: Path, version: Path) -> bool:
    names = model_files.list_files(model)
    try:
        manifest.read(version)
        same = names == model_files.list_files(version) and all(
            (model / name).stat().st_size == (version / name).stat().st_size for name in names
        )
        return same and model_files.hash_files(model) == model_files.hash_files(version)
    except (UnreadableManifest, DamagedModel):
        return False  # nothing is published yet, or not by this store, or it was damaged since


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
