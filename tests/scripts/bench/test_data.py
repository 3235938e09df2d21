"""The data that the contenders of a benchmark read."""

from __future__ import annotations

from pathlib import Path

from scripts.bench import data


def test_a_sample_is_the_same_rows_in_both_formats(tmp_path: Path) -> None:
    written = data.write(tmp_path, 30)
    lines = (written.csv / "train" / "rows.csv").read_text().splitlines()
    assert len(lines) == 21
    assert lines[0].startswith("carrier,origin,dest,")
    assert written.rows == 30
    assert sorted(file.name for file in written.parquet.iterdir()) == ["1.parquet", "2.parquet"]
