"""Encode any content as an argument of a container."""

from __future__ import annotations

import base64
import gzip


def encode(content: bytes) -> str:
    """Return content as a short text without any character that a template language replaces.

    Args:
      content: bytes to encode.
    """
    return base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")


def decode(text: str) -> bytes:
    """Return the content of an encoded text.

    Args:
      text: result of `encode`.

    Raises:
      ValueError: the text is damaged.
    """
    try:
        content = gzip.decompress(base64.b64decode(text, validate=True))
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"expected encoded content, got damaged text: {error}") from error
    if not content:
        raise ValueError("expected encoded content, got an empty text")
    return content
