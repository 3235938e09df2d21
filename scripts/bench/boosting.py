"""Compare the model with gradient boosting on the same features, a month ahead."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import OrdinalEncoder

from models import features as features_module
from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.layout import lay_out

MONTHS = tuple(range(201304, 201313))
_WINDOW = 3


@dataclass(frozen=True)
class Month:
    """AUC of both models on one month.

    Args:
      span: year and month, such as 201304; the models are trained on the three months before it.
      taxiway: AUC of the pipeline's model.
      boosting: AUC of gradient boosting.
    """

    span: int
    taxiway: float
    boosting: float


def compare(span: int, scratch: Path) -> Month:
    """Train both models on the months before a span, and measure them on the span.

    Args:
      span: year and month, such as 201304.
      scratch: folder for the pipeline's workspaces.

    Returns:
      The AUC of both models.
    """
    return Month(span, _taxiway(span, scratch), _boosting(span, scratch))


def _taxiway(span: int, scratch: Path) -> float:
    settings = scratch / "taxiway.toml"
    settings.write_text(
        f"features = {json.dumps(str(Path('models/flights.toml').absolute()))}\n"
        f"schema_file = {json.dumps(str(Path('schema/schema.pbtxt').absolute()))}\n"
        f'workspace = "{span}"\n[source]\nspan = {span}\nwindow = {_WINDOW}\n'
        "[evaluate]\nmin_auc = 0.0\nmin_slice_auc = 0.0\n",
        encoding="utf-8",
    )
    command: list[str | Path] = [
        Path(sys.executable).with_name("taxiway"),
        "run",
        "--json",
        "--settings",
        settings,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["metrics"]["auc"])


def _boosting(span: int, scratch: Path) -> float:
    features = features_module.load(Path("models/flights.toml"))
    layout = lay_out(open_source(SourceSettings()), scratch / "months", span, _WINDOW)
    train, test = (
        pq.read_table(layout.base / str(span) / split).to_pandas() for split in ("train", "eval")
    )
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    encoder.fit(train[list(features.categorical)])

    def matrix(rows: pd.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        plain = rows[[*features.numeric, *features.buckets]].to_numpy(float)
        return np.concatenate([plain, encoder.transform(rows[list(features.categorical)])], axis=1)

    positions = range(len(features.numeric), len(features.inputs))
    model = HistGradientBoostingClassifier(categorical_features=list(positions), random_state=0)
    model.fit(matrix(train), train[features.label])
    scores = model.predict_proba(matrix(test))[:, 1]
    return float(roc_auc_score(test[features.label], scores))
