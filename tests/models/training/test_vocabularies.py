"""Files of vocabularies."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.training import vocabularies
from tests import column_names


def test_a_plain_name_is_the_name_of_the_file() -> None:
    assert vocabularies.key("carrier_2") == "carrier_2"


def test_a_file_name_is_valid_and_unique_also_without_case() -> None:
    columns = {*column_names.INPUTS, "City", "city", "CITY", "서울", "부산", "a/../b", "", "c" * 65}
    keys = {vocabularies.key(column) for column in columns}
    assert len({key.lower() for key in keys}) == len(columns)
    assert all(key.isascii() and "/" not in key and len(key) <= 64 for key in keys)


@pytest.mark.parametrize("name", ["city", "도시"])
def test_a_value_may_have_any_character(tmp_path: Path, name: str) -> None:
    (tmp_path / vocabularies.key(name)).write_bytes(
        b"two\xfelines\nab\xff\n \n\x00\n" + "서".encode()
    )
    values = [b"two\nlines", b"ab\r", b" ", b"\x00", "서".encode()]
    assert vocabularies.read(tmp_path, name) == values
    assert vocabularies.sizes(tmp_path, [name]) == {name: 5}


def test_the_file_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    (tmp_path / "Payment").write_bytes(b"cash\ncard\n")
    assert vocabularies.read(tmp_path, "Payment") == [b"cash", b"card"]


def test_a_vocabulary_without_values_has_the_size_zero(tmp_path: Path) -> None:
    (tmp_path / "city").write_bytes(b"49d0cd50-04bb-48c0-bc6f-5b575dce351a\n")
    (tmp_path / "own").write_bytes(b"a\n")
    assert vocabularies.sizes(tmp_path, ["city"]) == {"city": 0, "own": 1}
