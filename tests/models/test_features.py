"""The features file."""

import doctest
from pathlib import Path

import pytest

from models import features


def test_columns_keep_the_order_of_the_matrix() -> None:
    ordered = features.Features(
        label="y", numeric=("a",), categorical=("c",), buckets={"d": 3, "b": 3}
    )
    assert ordered.inputs == ("a", "b", "d", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('label = "y"\n', "no features"),
        ('label = "y"\nnumeric = ["y"]\n', "two roles: y"),
        ('label = "y"\nnumeric = ["a"]\ncategorical = ["a"]\n', "two roles: a"),
        ('label = "y"\nnumbers = ["a"]\n', "numbers"),
        ('numeric = ["a"]\n', "label"),
    ],
)
def test_a_wrong_file_is_an_error_with_a_reason(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "features.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        features.load(tmp_path / "features.toml")


def test_the_example_in_the_docstring_runs() -> None:
    results = doctest.testmod(features)
    assert (results.failed, results.attempted) == (0, 2)
