"""Two texts that look alike: what differs, and in which code points."""

from __future__ import annotations

import pytest

from schema.messages.spelling import difference, nearest, visible


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("Zu\u0308rich", "Z\u00fcrich", "its Unicode form: U+0075 U+0308 instead of U+00FC"),
        ("Z\u00fcrich", "Zu\u0308rich", "its Unicode form: U+00FC instead of U+0075 U+0308"),
        ("\u1109\u1165\u110b\u116e\u11af", "\uc11c\uc6b8", "its Unicode form: U+1109"),
        ("Bonn\u200b", "Bonn", "an invisible character: U+200B instead of nothing"),
        ("\ufeffBonn", "Bonn", "an invisible character: U+FEFF instead of nothing"),
        ("Bo\u00adnn", "Bonn", "an invisible character: U+00AD instead of nothing"),
        ("Bonn", "Bonn\u200d", "an invisible character: nothing instead of U+200D"),
        ("Bonn ", "Bonn", "spaces: U+0020 instead of nothing"),
        ("\tBonn", "Bonn", "an invisible character: U+0009 instead of nothing"),
        ("New\u00a0York", "New York", "spaces: U+00A0 instead of U+0020"),
        ("New  York", "New York", "spaces: U+0020 instead of nothing"),
        ("bonn", "Bonn", "case: U+0062 instead of U+0042"),
        ("STRASSE", "Straße", "case: "),
        ("B\u043enn", "Bonn", "a letter that looks alike: U+043E instead of U+006F"),
        ("\u0412\u043enn", "Bonn", "a letter that looks alike: U+0412 U+043E instead of"),
        ("\uff22onn", "Bonn", "a letter that looks alike: U+FF22 instead of U+0042"),
        ("b\u043enn", "Bonn", "case and a letter that looks alike: "),
    ],
)  # fmt: skip
def test_the_difference_is_named_with_its_code_points(text: str, other: str, expected: str) -> None:
    named = difference(text, ["Ulm", other, "Berlin"])
    assert named.startswith(f"differs from {visible(other)} in {expected}")


@pytest.mark.parametrize("text", ["Bonn", "Born", "", "Köln"])
def test_other_texts_do_not_look_alike(text: str) -> None:
    assert difference(text, ["Bonn", "Ulm"]) == ""


def test_the_nearest_text_is_a_guess() -> None:
    assert nearest("Born", ["Bonn", "Ulm"]) == "did you mean Bonn?"
    assert nearest("bonn", ["Bonn"]).startswith("differs from Bonn in case")
    assert nearest("xyz", ["Bonn"]) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich 서울", "Zürich 서울"),
        ("Bonn\u200b", "Bonn\\u200b"),
        ("a\nb\x00", "a\\x0ab\\x00"),
        ("a\u00a0b", "a\\u00a0b"),
    ],
)
def test_an_invisible_character_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown
