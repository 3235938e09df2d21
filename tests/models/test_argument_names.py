"""Names of a function's arguments for columns with any names."""

from __future__ import annotations

import re

import pytest

from models.signatures import argument_names
from tests import column_names


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["distance", "trip_miles2", "A"], ["distance", "trip_miles2", "A"]),
        (["distance (km)", "거리", "distance"], ["column_0", "column_1", "distance"]),
        (["a", "A", "b"], ["column_0", "column_1", "b"]),
        (["self", "class", "1st", "_x", ""], [f"column_{number}" for number in range(5)]),
        # The replacement must not be the name of another column.
        (["a b", "column_0", "COLUMN_0_"], ["column_0__", "column_0", "COLUMN_0_"]),
    ],
)
def test_a_valid_name_is_kept(columns: list[str], names: list[str]) -> None:
    assert list(argument_names(columns).values()) == names


def test_every_column_has_a_name_of_its_own() -> None:
    columns = [*column_names.INPUTS, "Pick_Up", "PICK_UP", "시간 ", "Größe", "GRÖSSE"]
    names = argument_names(list(dict.fromkeys(columns)))
    folded = [name.casefold() for name in names.values()]
    assert len(set(folded)) == len(folded)
    assert all(re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) for name in names.values())
