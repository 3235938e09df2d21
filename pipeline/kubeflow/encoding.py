"""Content of any kind as an argument of a container."""

from __future__ import annotations

import base64
import gzip


def encode(content: bytes) -> str:
    """Return bytes as a short text that no template language finds a placeholder in."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")


def decode(text: str) -> bytes:
    """Return what was encoded.

    Raises:
      ValueError: the text is damaged.
    """
    try:
        content = gzip.decompress(base64.b64decode(text, validate=True))
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"not what was encoded: {error}") from error
    if not content:
        raise ValueError("nothing was encoded")
    return content
