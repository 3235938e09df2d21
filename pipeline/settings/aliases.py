"""Give a folder a second path without the characters that TensorFlow and Beam take as patterns."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from pathlib import Path

from pipeline.errors import UsageError

_PATTERN = re.compile(r"[*?\[\]{}\\]")


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
