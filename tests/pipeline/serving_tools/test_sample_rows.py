"""Rows to call a model with: how they are chosen, and where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.serving_tools import sample_rows
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from tests.conftest import PROJECT

_SETTINGS = Settings(schema_file=PROJECT / "schema/schema.pbtxt")


def _file(folder: Path, count: int) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("\n".join(json.dumps({"distance": number}) for number in range(count)))
    return file


@pytest.mark.parametrize(
    ("in_file", "count", "expected"), [(10, 5, [0, 2, 4, 6, 8]), (2, 5, [0, 1, 0, 1, 0])]
)
def test_rows_are_spread_over_the_file_and_repeat_when_it_has_fewer(
    tmp_path: Path, in_file: int, count: int, expected: list[int]
) -> None:
    chosen = sample_rows.load_file(_file(tmp_path, in_file), _SETTINGS, count)
    assert [row["distance"] for row in chosen] == expected


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"rows\.jsonl: there are no rows in it"):
        sample_rows.load_file(_file(tmp_path, 0), _SETTINGS, 5)
    with pytest.raises(UsageError, match=r"none\.jsonl: cannot be read: No such file"):
        sample_rows.load_file(tmp_path / "none.jsonl", _SETTINGS, 5)


def test_a_workspace_without_a_run_has_no_rows(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run has left rows") as caught:
        sample_rows.load_eval_split(Workspace(tmp_path, "flights"), 5)
    assert "--csv" in caught.value.next_step
