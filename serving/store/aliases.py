"""Aliases of published versions: which version TensorFlow Serving answers with under which name.

TensorFlow Serving checks the labels of a new models.config before it loads anything. When a label
in use moves to a version that is not loaded, it rejects the whole file at every poll and never
loads that version. So the file lists more versions than those with an alias, and a label moves only
to a version that was listed for some time:

- The previous version of an alias, when it is older: it answers until the label has moved, and at
  once after a rollback. A newer one would get all requests that name no label.
- The number of the next version: a server loads it as soon as it is published. It is removed from
  the list before a version is published that is not promoted at once.
- A version that a user promotes from elsewhere is listed first, and gets its label when the server
  has had the time to load it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from serving.errors import (
    ChangedByHand,
    DamagedModel,
    StoreUnwritable,
    Unblessed,
    UnknownVersion,
)
from serving.store import lock, manifest, model_config, publish
from serving.store.model_config import CONFIG, STABLE, Config, Event, ServedModel, ServerPolicy
from serving.store.verify import in_worker_process

Verify = Callable[[Path], None]


def promote(
    base: Path,
    version: int,
    who: str,
    alias: str = STABLE,
    action: Literal["publish", "promote", "rollback"] = "promote",
    why: str = "",
    server: ServerPolicy = ServerPolicy(),
    verify: Verify = in_worker_process,
) -> Event | None:
    """Point an alias at a version, after a check that it is blessed, unchanged and answers.

    Args:
      base: TensorFlow Serving's model base path.
      version: number of the version.
      who: author of the change, for the history.
      alias: TensorFlow Serving's version label; default `stable`.
      action: kind of the change, for the history; default `promote`. A `publish` does not return to
        a version that a user moved the alias away from.
      why: reason, for the history; default none.
      server: behaviour of the server that reads models.config. This function waits for the server
        when the server could not have loaded the version yet.
      verify: function that raises DamagedModel when the given folder is not a usable SavedModel;
        default: load and call the model in a separate process.

    Returns:
      The change; None when nothing had to change.

    Raises:
      UnknownVersion: there is no such version.
      Unblessed: its manifest states that it is not blessed.
      DamagedModel: it is not what was published, or does not answer.
      ChangedByHand: the content of models.config is not what `taxiway registry` writes.
      StoreBusy: another process changes the configuration.
      StoreUnwritable: the configuration cannot be written.

    Example:
      >>> from pathlib import Path
      >>> from serving.store import aliases
      >>> aliases.promote(Path("workspace/models/flights"), 2, who="ann", why="better auc")
    """
    folder = base.parent
    _require_version(base, version)
    with _changing(folder):
        config = model_config.read(folder)
        server_path = server.base_path or str(base.resolve())
        served = config.models.get(base.name, ServedModel(base_path=server_path))
        before = served.aliases.get(alias)
        check(base, version, verify)
        if before == version and served.base_path == server_path:
            return None
        if action == "publish" and before != version and served.was_ever(alias, version):
            return None
        if before is not None:
            served = _wait_until_loaded(folder, config, base.name, version, server)
        event = Event(
            at=server.now().isoformat(timespec="seconds"), who=who, action=action, alias=alias,
            version=version, before=before, why=why,
        )  # fmt: skip
        changed = ServedModel(
            base_path=server_path,
            aliases={**served.aliases, alias: version},
            listed=served.listed,
            history=(*served.history, event),
        )
        _write(folder, config, base.name, _with_listed(base, changed, server))
        return event


def rollback(
    base: Path,
    who: str,
    version: int | None = None,
    why: str = "",
    server: ServerPolicy = ServerPolicy(),
    verify: Verify = in_worker_process,
) -> Event | None:
    """Point `stable` at an earlier version, after the same checks as `promote`.

    Args:
      base: TensorFlow Serving's model base path.
      who: author of the change, for the history.
      version: number of the version; default: the version that was stable before the current one.
      why: reason, for the history; default none.
      server: behaviour of the server that reads models.config.
      verify: function that raises DamagedModel when the given folder is not a usable SavedModel;
        default: load and call the model in a separate process.

    Returns:
      The change; None when the version is already stable.

    Raises:
      UnknownVersion: there is no such version, or none was stable before the current one.
      StoreError: the version cannot be promoted; see `promote`.
    """
    target = version if version is not None else model_config.load_served_model(base).previous()
    if target is None:
        raise UnknownVersion(
            base,
            f"no version was {STABLE} before the current one",
            "run `taxiway registry list`",
        )
    return promote(base, target, who, action="rollback", why=why, server=server, verify=verify)


def relocate(base: Path) -> bool:
    """Write the model's present folder to models.config, after the workspace was moved.

    Args:
      base: TensorFlow Serving's model base path, which its server sees under the same path.

    Returns:
      Whether the file was changed.

    Raises:
      ChangedByHand: the content of models.config is not what `taxiway registry` writes.
      StoreBusy: another process changes the configuration.
      StoreUnwritable: the configuration cannot be written.
    """
    folder, path = base.parent, str(base.resolve())
    # A server may have no permission to write, and almost always nothing has to change.
    served = model_config.read(folder).models.get(base.name)
    if served is None or served.base_path == path:
        return False
    with _changing(folder):
        config = model_config.read(folder)
        served = config.models[base.name].model_copy(update={"base_path": path})
        _write(folder, config, base.name, served)
    return True


def withdraw_next(base: Path, server: ServerPolicy = ServerPolicy()) -> None:
    """Remove the next version's number from models.config, so that no server loads it early.

    If the file lists that number, this function waits until the server has read the new file, under
    the lock, so that no other process lists it again meanwhile. A file that was changed by hand is
    not touched.

    Args:
      base: TensorFlow Serving's model base path.
      server: behaviour of the server that reads models.config.

    Raises:
      StoreBusy: another process changes the configuration.
      StoreUnwritable: the configuration cannot be written.
    """
    folder = base.parent
    if not (folder / CONFIG).exists():
        return
    with _changing(folder):
        try:
            config = model_config.read(folder)
        except ChangedByHand:
            return
        served = config.models.get(base.name)
        following = max(publish.versions(base), default=0) + 1
        if served is None or following not in served.listed:
            return
        listed = {
            version: since for version, since in served.listed.items() if version != following
        }
        _write(folder, config, base.name, served.model_copy(update={"listed": listed}))
        server.sleep(server.settle_seconds)


@contextmanager
def _changing(folder: Path) -> Iterator[None]:
    try:
        with lock.exclusive(folder, publish.WAIT_SECONDS):
            yield
    except OSError as error:
        raise StoreUnwritable(
            folder, f"cannot write {CONFIG}: {error.strerror or error}",
            "free disk space or fix the permissions, and retry",
        ) from error  # fmt: skip


def _write(folder: Path, config: Config, name: str, served: ServedModel) -> None:
    model_config.write(folder, Config(models={**config.models, name: served}))


def _wait_until_loaded(
    folder: Path, config: Config, name: str, version: int, server: ServerPolicy
) -> ServedModel:
    """Wait until a version was listed for as long as the server may take to load it.

    A kill meanwhile leaves a version listed that has no alias; the next change removes it.
    """
    served, now = config.models[name], server.now()
    if version not in served.loads:
        served = served.model_copy(update={"listed": {**served.listed, version: now}})
        _write(folder, config, name, served)
    # A file that another release wrote does not state since when.
    since = served.listed.get(version, now)
    remaining = server.settle_seconds - (now - since).total_seconds()
    if remaining > 0:
        server.sleep(remaining)
    return served


def _with_listed(base: Path, served: ServedModel, server: ServerPolicy) -> ServedModel:
    """List the versions that TensorFlow Serving must load besides those with an alias."""
    required = set(served.aliases.values())
    newest = max(required)
    for alias in served.aliases:
        before = served.previous(alias)
        if before is not None and before < newest and _is_servable(base, before):
            required.add(before)
    if server.preload_next:
        required.add(max(publish.versions(base)) + 1)
    now = server.now()
    listed = {version: served.listed.get(version, now) for version in sorted(required)}
    return served.model_copy(update={"listed": listed})


def _is_servable(base: Path, version: int) -> bool:
    try:
        check(base, version, _skip_verification)
    except (UnknownVersion, Unblessed, DamagedModel):
        return False
    return True


def _skip_verification(_: Path) -> None:
    """Accept a version that has served before; its hashes show that it is unchanged."""


def check(base: Path, version: int, verify: Verify = in_worker_process) -> None:
    """Check that a version can be served.

    Args:
      base: TensorFlow Serving's model base path.
      version: number of the version.
      verify: function that raises DamagedModel when the given folder is not a usable SavedModel;
        default: load and call the model in a separate process.

    Raises:
      UnknownVersion: there is no such version.
      Unblessed: its manifest states that it is not blessed.
      DamagedModel: it is not what was published, or does not answer.
    """
    _require_version(base, version)
    folder = base / str(version)
    problems = publish.verify_hashes(folder)
    if problems:
        raise DamagedModel(folder, "; ".join(problems), "publish the model again")
    facts = manifest.read(folder)
    for blessing in filter(None, (facts.blessing, facts.infra_blessing)):
        if not blessing.blessed:
            raise Unblessed(folder, "the version is not blessed", "run `taxiway registry list`")
    verify(folder)


def _require_version(base: Path, version: int) -> None:
    published = publish.versions(base)
    if version not in published:
        listed = ", ".join(map(str, published)) or "none"
        raise UnknownVersion(
            base,
            f"there is no version {version}; published: {listed}",
            "run `taxiway registry list`",
        )
