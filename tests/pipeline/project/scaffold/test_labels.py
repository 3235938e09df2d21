"""What the label of a table is, and which tasks are refused."""

from __future__ import annotations

import pytest

from pipeline.errors import DataRefused, UsageError
from pipeline.project.scaffold.labels import resolve

_COMMAND = "taxiway init t.csv --label y"


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (("0", "1"), None),
        (("Yes", "No"), None),
        (("N", "Y"), None),
        (("FALSE", "TRUE"), None),
        (("neg", "pos"), "pos"),
        (("예", "아니오"), "예"),
    ],
)
def test_the_positive_value_follows_from_its_meaning(
    values: tuple[str, str], positive: str | None
) -> None:
    label = resolve("y", [(value, 5) for value in values], None, "BYTES", _COMMAND)
    assert (label.positive, label.negative) == (positive, ())


@pytest.mark.parametrize("values", [("M", "B"), ("1", "2"), ("male", "female"), ("-1", "1")])
def test_values_without_a_meaning_need_the_users_word(values: tuple[str, str]) -> None:
    counted: list[tuple[str | None, int]] = [(values[0], 7), (values[1], 5)]
    with pytest.raises(UsageError, match="cannot tell which value is positive") as error:
        resolve("y", counted, None, "BYTES", _COMMAND)
    assert error.value.next_step == f"{_COMMAND} --positive {values[1]}"
    label = resolve("y", counted, values[1], "BYTES", _COMMAND)
    assert (label.positive, label.negative) == (values[1], ())


def test_more_classes_are_refused_with_what_is_possible() -> None:
    values: list[tuple[str | None, int]] = [("Adelie", 152), ("Gentoo", 124), ("Chin strap", 68)]
    with pytest.raises(UsageError, match="more than two classes are not supported yet") as error:
        resolve("y", values, None, "BYTES", _COMMAND)
    assert error.value.next_step.startswith(f"{_COMMAND} --positive Adelie ")
    label = resolve("y", values, "Chin strap", "BYTES", _COMMAND)
    assert (label.positive, label.negative) == ("Chin strap", ("Adelie", "Gentoo"))
    assert "against 2 other values" in label.reason


def test_a_number_is_refused_with_its_kind() -> None:
    values: list[tuple[str | None, int]] = [(str(25 + n), 1) for n in range(30)]
    with pytest.raises(UsageError, match="predicting a number is not supported yet") as error:
        resolve("y", values, None, "INT", _COMMAND)
    assert "a column of 0 and 1" in error.value.next_step


def test_a_missing_label_is_refused_with_the_number_of_rows() -> None:
    with pytest.raises(DataRefused, match="11 rows have no value in the label y"):
        resolve("y", [("0", 9), ("1", 9), (None, 11)], None, "INT", _COMMAND)


def test_one_label_is_refused() -> None:
    with pytest.raises(DataRefused, match="expected two values, got 1 in all rows"):
        resolve("y", [("1", 9)], None, "INT", _COMMAND)
    with pytest.raises(DataRefused, match="expected a second value beside a"):
        resolve("y", [("a", 9)], "a", "BYTES", _COMMAND)


def test_a_positive_value_that_no_row_has_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"no such value, but No \(9 rows\), Yes \(3 rows\)"):
        resolve("y", [("No", 9), ("Yes", 3)], "yes!", "BYTES", _COMMAND)
