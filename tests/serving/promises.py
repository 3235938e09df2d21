"""Conditions that a base path must meet after any failure of its publishers."""

from __future__ import annotations

from pathlib import Path

from serving.store import publish


def violations(base: Path, last: int | tuple[int, ...], clean: bool = False) -> list[str]:
    """Say which promises do not hold.

    Args:
      base: TensorFlow Serving's model base path.
      last: the newest version, or those it may be; all from 1 on must be there.
      clean: whether nothing else may be left in the folder.

    Returns:
      The broken promises.
    """
    published = publish.versions(base)
    newest = (last,) if isinstance(last, int) else last
    broken = []
    if published not in [list(range(1, number + 1)) for number in newest]:
        broken.append(f"{base}: versions are {published}, the newest should be {newest}")
    for version in published:
        broken += publish.verify_hashes(base / str(version))
    others = {entry.name for entry in base.iterdir()} - {str(version) for version in published}
    if any(not name.startswith(".") for name in others) or (clean and others):
        broken.append(f"{base}: {sorted(others)} was left")
    return broken
