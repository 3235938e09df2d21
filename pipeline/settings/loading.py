"""Read a settings file."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import uuid
from pathlib import Path

import tomli
from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.settings.base import explain
from pipeline.settings.beam import resolve_paths as resolve_beam_paths
from pipeline.settings.sections import Settings

DEFAULT_FILE = "taxiway.toml"

# TensorFlow and Beam take these characters in a path as a pattern.
_PATTERN = re.compile(r"[*?\[\]{}\\]")


def load(path: Path | None = None) -> Settings:
    """Read settings from a TOML file.

    Args:
      path: settings file; default `taxiway.toml` in the current folder. Relative paths in the file
        are relative to its folder.

    Returns:
      The settings, validated, with absolute paths.

    Raises:
      UsageError: the file is missing, is not TOML, or has an unknown key or a wrong value.
    """
    file = path or Path(DEFAULT_FILE)
    settings = absolute(load_plain(path), file.absolute().parent)
    return settings.model_copy(update={"workspace": without_pattern(settings.workspace)})


def load_plain(path: Path | None = None) -> Settings:
    """Read settings as `load` does, but leave their paths as they are written.

    Args:
      path: settings file; default as for `load`.

    Returns:
      The settings, validated.

    Raises:
      UsageError: the file is missing, is not TOML, or has an unknown key or a wrong value.
    """
    file = path or Path(DEFAULT_FILE)
    if path is None and not file.exists():
        raise _no_project(file.absolute())
    try:
        values = tomli.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{file}: no such settings file.", f"taxiway settings > {shlex.quote(str(file))}"
        ) from None
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError) as error:
        raise UsageError(
            f"{file}: not a readable TOML file: {error}.",
            "fix the file; `taxiway settings --schema` prints every key that it may have",
        ) from error
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise UsageError(
            f"{file}: {explain(error, Settings)}",
            "taxiway settings --schema",
        ) from None


def _no_project(file: Path) -> UsageError:
    """Return the error for a folder that is no project, because it has no settings file."""
    # An installed package does not have the example; a checkout of the repository does.
    example = Path(__file__).parents[2] / DEFAULT_FILE
    flights = (
        f"   (or try the example: taxiway run --settings {shlex.quote(str(example))})"
        if example.is_file()
        else ""
    )
    return UsageError(
        f"{file.parent}: there is no {DEFAULT_FILE} in this folder, and --settings names no other "
        "settings file.",
        f"taxiway init DATA --label COLUMN{flights}",
    )


def absolute(settings: Settings, base: Path) -> Settings:
    """Return settings whose paths are absolute.

    Args:
      settings: settings as `load_plain` returns them.
      base: folder that relative paths start from.
    """

    def resolve(path: Path | None) -> Path | None:
        return None if path is None else base / path.expanduser()

    paths = ("workspace", "features", "schema_file", "policy_file", "code")
    source = {name: resolve(getattr(settings.source, name)) for name in ("path", "serving_logs")}
    metadata = {
        name: resolve(getattr(settings.metadata, name))
        for name in ("password_file", "ssl_ca", "ssl_cert", "ssl_key")
    }
    return settings.model_copy(
        update={name: resolve(getattr(settings, name)) for name in paths}
        | {
            "source": settings.source.model_copy(update=source),
            "metadata": settings.metadata.model_copy(update=metadata),
            "beam": resolve_beam_paths(settings.beam, base),
            "kubeflow": settings.kubeflow.model_copy(
                update={"ca_file": resolve(settings.kubeflow.ca_file)}
            ),
        }
    )


def without_pattern(folder: Path) -> Path:
    """Return a folder's path, or that of a link to it if the path looks like a pattern.

    TensorFlow cannot restore a model from `rides [v1]`, and Beam finds no files there. The link is
    the same for every run, because ML Metadata keeps paths.

    Args:
      folder: absolute path of the folder, which may not exist yet.

    Raises:
      UsageError: the link cannot be made.
    """
    if not _PATTERN.search(str(folder)):
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    link = cache / "taxiway" / f"{_PATTERN.sub('_', folder.name)}-{digest}"
    if link.is_symlink() and link.readlink() == folder:
        return link
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        unfinished = link.with_name(f".{uuid.uuid4().hex}")
        unfinished.symlink_to(folder)
        unfinished.replace(link)
    except OSError as error:
        raise UsageError(
            f"{folder}: TensorFlow takes this path as a pattern, and the link {link} cannot be "
            f"made: {error.strerror}.",
            "choose a workspace without *, ?, [, ], {, } and \\ in its path with --workspace",
        ) from error
    return link
