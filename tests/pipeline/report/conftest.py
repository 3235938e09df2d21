"""Reports for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from pipeline.report import page
from pipeline.runs.records import Output, RunRecord
from pipeline.workspace import Workspace

RECORD = RunRecord(
    run_id="20130501-120000",
    began="2013-05-01T12:00:00+00:00",
    seconds=2.5,
    outcome="failed",
    exit_code=5,
    span=201304,
    train_spans=(201303,),
)


def write_statistics(folder: Path, splits: Mapping[str, pd.DataFrame]) -> Path:
    """Write statistics as StatisticsGen does, and return their folder."""
    import tensorflow_data_validation as tfdv

    for split, frame in splits.items():
        (folder / f"Split-{split}").mkdir(parents=True)
        statistics = tfdv.generate_statistics_from_dataframe(frame)
        (folder / f"Split-{split}" / "FeatureStats.pb").write_bytes(statistics.SerializeToString())
    return folder


@pytest.fixture(scope="package")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report on columns and values that contain markup."""
    root = tmp_path_factory.mktemp("hostile")
    values = ["<img src=x onerror=alert(1)>", "$x$ &", "</svg>\n<b>", "\x00\ud7ff🛫"]
    frame = pd.DataFrame({
        "<script>alert(1)</script>": values * 5,
        "\"'><script>alert(2)</script>": range(20),
        "a b": range(20),
        "a_b": values[::-1] * 5,
    })  # fmt: skip
    folder = write_statistics(root / "statistics", {"train": frame, "eval": frame[:10]})
    outputs = {"StatisticsGen": {"statistics": Output(uri=str(folder), id=1)}}
    record = RECORD.model_copy(update={"outputs": outputs, "error": "<script>alert(3)</script>"})
    return page.render(Workspace(root, "flights"), record)
