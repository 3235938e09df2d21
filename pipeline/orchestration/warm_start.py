"""Whether a warm start can continue from the latest blessed model."""

from __future__ import annotations

from pathlib import Path

from ml_metadata import metadata_store

from models.features import Features
from models.training import warm_start
from pipeline.errors import UsageError
from pipeline.metadata.blessed import latest_blessed_model
from pipeline.metadata.properties import sibling_uri
from pipeline.settings.sections import Settings


def check(settings: Settings, store: metadata_store.MetadataStore, features: Features) -> None:
    """Refuse a warm start that cannot continue from the latest blessed model.

    Args:
      settings: settings of the pipeline.
      store: ML Metadata store.
      features: label and features of the model to train.

    Raises:
      UsageError: no model is blessed yet, or it was trained with other features or another shape.
    """
    base = latest_blessed_model(store)
    if base is None:
        raise UsageError(
            f"--warm-start: no model is blessed yet in {settings.workspace}.", "taxiway run"
        )
    folder = Path(sibling_uri(base.uri, "model_run"))
    train = settings.train.model_dump(mode="json")
    differences = "; ".join(warm_start.differences(folder, features, train))
    if differences:
        raise UsageError(
            f"--warm-start: cannot continue from the latest blessed model ({base.uri}): "
            f"{differences}.",
            "run `taxiway run` without --warm-start",
        )
