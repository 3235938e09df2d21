"""How two texts differ that look alike: Unicode form, invisible characters, spaces, case."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable

# Letters of other alphabets that look like a Latin one.
_LOOK_ALIKES = str.maketrans(
    "АВЕЗІЈКМНОРСТУХЅаеіјорсухѕԁɡΑΒΕΖΗΙΚΜΝΟΡΤΥΧοινΡ",
    "ABE3IJKMHOPCTYXSaeijopcyxsdgABEZHIKMNOPTYXoivP",
)  # fmt: skip


def difference(text: str, others: Iterable[str]) -> str:
    """Return how a text differs from another one that looks the same; "" if no other one does.

    Args:
      text: the unexpected text, such as a value or a column's name.
      others: the expected texts.
    """
    candidates = list(others)
    for differs_in, simplify in _SIMPLIFIED:
        simple = simplify(text)
        for other in candidates:
            if other != text and simplify(other) == simple:
                return f"differs from {visible(other)} in {differs_in}: {_code_points(text, other)}"
    return ""


def nearest(text: str, others: Iterable[str]) -> str:
    """Return how a text differs from the nearest of other texts; "" if no one is near.

    Args:
      text: the unexpected text.
      others: the expected texts.
    """
    candidates = list(others)
    if same := difference(text, candidates):
        return same
    close = difflib.get_close_matches(text, candidates, n=1)
    return f"did you mean {visible(close[0])}?" if close else ""


def visible(text: str) -> str:
    """Return a text with invisible characters as escapes, such as `\\u200b`.

    Args:
      text: text that a message shows.
    """
    return "".join(
        character if character == " " or character.isprintable() else _escape(character)
        for character in text
    )


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}"


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Mn") and not unicodedata.combining(
        character
    )


def _without_invisible(text: str) -> str:
    kept = "".join(character for character in text if not _is_invisible(character))
    return unicodedata.normalize("NFC", kept)


def _without_spaces(text: str) -> str:
    return " ".join(_without_invisible(text).split())


def _as_latin(text: str) -> str:
    return unicodedata.normalize("NFKC", _without_spaces(text)).translate(_LOOK_ALIKES)


_SIMPLIFIED: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("its Unicode form", lambda text: unicodedata.normalize("NFC", text)),
    ("an invisible character", _without_invisible),
    ("spaces", _without_spaces),
    ("case", lambda text: _without_spaces(text).casefold()),
    ("a letter that looks alike", _as_latin),
    ("case and a letter that looks alike", lambda text: _as_latin(text).casefold()),
)


def _code_points(text: str, other: str) -> str:
    """Return the code points in which two texts differ."""
    parts = []
    matcher = difflib.SequenceMatcher(None, text, other, autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag != "equal":
            actual, expected = _points(text[start:end]), _points(other[other_start:other_end])
            parts.append(f"{actual or 'nothing'} instead of {expected or 'nothing'}")
    return ", ".join(parts[:3]) + (", …" if len(parts) > 3 else "")


def _points(text: str) -> str:
    return " ".join(f"U+{ord(character):04X}" for character in text)
