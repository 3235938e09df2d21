"""The latest blessed model, which the next one is compared with."""

from __future__ import annotations

import shutil

from pipeline.metadata import properties
from pipeline.metadata.blessed import latest_blessed_model
from tests.pipeline.databases import Ledger


def test_a_model_that_cannot_be_served_is_no_baseline(ledger: Ledger) -> None:
    first, second, third = ledger.store.get_artifacts_by_type("Model")
    assert latest_blessed_model(ledger.store).id == third.id  # type: ignore[union-attr]
    for model, before in ((third, second), (second, first)):
        [served] = [
            each
            for each in ledger.store.get_artifacts_by_type("InfraBlessing")
            if properties.number(each, "current_model_id") == model.id
        ]
        served.custom_properties["blessed"].int_value = 0
        ledger.store.put_artifacts([served])
        assert latest_blessed_model(ledger.store).id == before.id  # type: ignore[union-attr]


def test_a_model_without_its_files_is_no_baseline(ledger: Ledger) -> None:
    _, second, third = ledger.store.get_artifacts_by_type("Model")
    shutil.rmtree(third.uri)
    assert latest_blessed_model(ledger.store).id == second.id  # type: ignore[union-attr]
