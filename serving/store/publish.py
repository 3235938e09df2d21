"""The folder TF Serving watches: one sub-folder for each published version."""

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
    """Return the published versions under TF Serving's model base path, oldest first."""
    if not base.is_dir():
        return []
    return sorted(int(entry.name) for entry in base.iterdir() if entry.name.isdecimal())


def manifests(base: Path) -> dict[int, Manifest]:
    """Return the manifests under TF Serving's model base path, by version.

    A version whose manifest is missing or damaged is left out; `verify_hashes` says why.
    """
    found = {}
    for version in versions(base):
        try:
            found[version] = manifest.read(base / str(version))
        except UnreadableManifest:
            continue
    return found


def verify_hashes(version_dir: Path) -> list[str]:
    """Compare the files of a published version with its manifest.

    Args:
      version_dir: the version's folder.

    Returns:
      What differs; nothing when the version is as it was published.
    """
    try:
        known = manifest.read(version_dir)
        found = model_files.hash_files(version_dir)
    except StoreError as error:
        return [str(error)]
    problems = _differences(known.files, found)
    if str(known.version) != version_dir.name:
        problems.append(f"{version_dir}: the manifest is of version {known.version}")
    if manifest.model_id(known.files) != known.model_id:
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

    The copy is made under a name that TF Serving ignores, flushed, verified, and becomes visible
    in one rename: no server ever sees half a model, or one that cannot be loaded.

    Args:
      model: the SavedModel's folder, or that of an earlier version.
      base: TF Serving's model base path; created when missing.
      facts: what is known of the model.
      verify: raises DamagedModel when the folder it is given holds no good SavedModel.
      wait: seconds to wait for another publisher.

    Returns:
      The version's folder, whose name is the version.

    Raises:
      Unblessed: the facts say so.
      DamagedModel: the model cannot be served.
      StoreBusy: another publisher holds the folder.
      StoreUnwritable: a disk or folder did not take what was written.
    """
    _refuse_unblessed(model, facts)
    try:
        local.make_folder(base)
        with lock.exclusive(base, wait):
            _remove_leftovers(base)
            return _publish(model, base, facts, verify)
    except OSError as error:
        where = Path(error.filename) if isinstance(error.filename, str) else base
        raise StoreUnwritable(
            where,
            f"{error.strerror or error} while a version was published under {base}",
            "make room or correct the rights, and publish again",
        ) from error


def _refuse_unblessed(model: Path, facts: Facts) -> None:
    for blessing in filter(None, (facts.blessing, facts.infra_blessing)):
        if not blessing.blessed:
            reasons = "; ".join(blessing.reasons) or "no reason given"
            raise Unblessed(
                model,
                f"the model is not blessed: {reasons}",
                "change the model, its data, or the bounds it missed",
            )


def _publish(model: Path, base: Path, facts: Facts, verify: Callable[[Path], None]) -> Path:
    number = max(versions(base), default=0)
    newest = base / str(number)
    if _same_content(model, newest):
        # The publisher that made it may have been killed before it could.
        local.flush_folder(base)
        return newest
    version = base / str(number + 1)
    staging = base / f"{_STAGING}{number + 1}"
    try:
        content = _stage(model, staging)
        known = Manifest(
            **dict(facts),
            version=number + 1,
            model_id=manifest.model_id(content),
            published_at=_now(),
            files=content,
        )
        local.write(staging / manifest.NAME, known.to_json())
        _flush_folders(staging)
        verify(staging)
        # What was verified is what was read, and nothing has touched it since.
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
    """Remove what killed publishers left; the lock says that no living one is at work."""
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


def _differences(known: Mapping[str, FileEntry], found: Mapping[str, FileEntry]) -> list[str]:
    problems = []
    for name in sorted({*known, *found}):
        if name not in found:
            problems.append(f"{name} is missing")
        elif name not in known:
            problems.append(f"{name} was added")
        elif found[name] != known[name]:
            problems.append(
                f"{name} was changed: {found[name].bytes} bytes with SHA-256"
                f" {found[name].sha256[:12]}..., {known[name].bytes} bytes with"
                f" {known[name].sha256[:12]}... expected"
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
        return False  # nothing published yet, or not by this store, or damaged since


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
