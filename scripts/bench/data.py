"""Write the same real flights for every contender, as Parquet and as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.base import PROVENANCE
from pipeline.sources.layout import lay_out

_SEED = 2013
_TRAIN_SHARE = 2 / 3


@dataclass(frozen=True)
class Data:
    """The files that every contender reads.

    Args:
      folder: folder of `parquet/{1,2}.parquet` (train, eval) and `csv/{train,eval}/rows.csv`.
      rows: number of rows in both splits.
    """

    folder: Path
    rows: int

    @property
    def parquet(self) -> Path:
        """Folder of `1.parquet` to train on and `2.parquet` to evaluate on."""
        return self.folder / "parquet"

    @property
    def csv(self) -> Path:
        """Folder of `train/rows.csv` and `eval/rows.csv`."""
        return self.folder / "csv"


def write(folder: Path, rows: int | None) -> Data:
    """Write flights of 2013: eleven months to train on, December to evaluate on.

    Args:
      folder: folder to write the files to.
      rows: number of rows in a sample, two thirds of them to train on; None for all flights.

    Returns:
      The files.
    """
    layout = lay_out(open_source(SourceSettings()), folder / "months", None, 11)
    splits = {
        split: pa.concat_tables(
            pq.read_table(file).drop(list(PROVENANCE))
            for file in sorted((layout.base / str(layout.span) / split).glob("*.parquet"))
        )
        for split in ("train", "eval")
    }
    if rows is not None:
        train = round(rows * _TRAIN_SHARE)
        splits = {
            "train": _sample(splits["train"], train),
            "eval": _sample(splits["eval"], rows - train),
        }
    data = Data(folder, sum(len(table) for table in splits.values()))
    data.parquet.mkdir(parents=True, exist_ok=True)
    for span, (split, table) in enumerate(splits.items(), start=1):
        pq.write_table(table, data.parquet / f"{span}.parquet")
        (data.csv / split).mkdir(parents=True, exist_ok=True)
        # Arrow's writer quotes the header, and TFX would read the quotes as part of the names.
        table.to_pandas(integer_object_nulls=True).to_csv(
            data.csv / split / "rows.csv", index=False
        )
    return data


def _sample(table: pa.Table, rows: int) -> pa.Table:
    chosen = np.random.default_rng(_SEED).choice(len(table), rows, replace=False)
    return table.take(np.sort(chosen))
