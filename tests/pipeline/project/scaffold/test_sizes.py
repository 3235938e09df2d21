"""Bounds and training settings follow from the number of rows."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.project.scaffold.signal import area
from pipeline.project.scaffold.sizes import Counts, choose, sliceable, standard_error
from pipeline.settings.evaluate import EvaluateSettings
from pipeline.settings.train import TrainSettings
from schema.policy import Limits


def _counts(train: int, evaluation: int, share: float) -> Counts:
    return Counts(train, evaluation, round(train * share), round(evaluation * share))


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.97])
@pytest.mark.parametrize("train", [100, 275, 8000, 10**6])
def test_every_setting_is_valid_and_lets_the_table_itself_pass(train: int, share: float) -> None:
    counts = _counts(train, max(40, train // 4), max(share, 0.03 if train < 1000 else 0))
    sizes = choose(counts)
    EvaluateSettings(
        min_auc=sizes.min_auc,
        max_auc_drop=sizes.max_auc_drop,
        min_slice_rows=sizes.min_slice_rows,
        decision_threshold=sizes.decision_threshold,
    )
    TrainSettings(batch_size=sizes.batch_size, epochs=sizes.epochs, patience=sizes.patience)
    limits = Limits(
        min_rows=sizes.min_rows,
        min_label_share=sizes.min_label_share,
        max_label_share=sizes.max_label_share,
    )
    assert limits.min_rows <= min(counts.train, counts.eval)
    for positives in counts.shares:
        assert limits.min_label_share < positives < limits.max_label_share


def test_a_model_without_skill_rarely_exceeds_the_minimum() -> None:
    random = np.random.default_rng(1)
    for positives, negatives in ((30, 39), (20, 400), (300, 300)):
        bound = choose(Counts(1000, positives + negatives, 400, positives)).min_auc
        labels = np.r_[np.ones(positives, int), np.zeros(negatives, int)]
        areas = [area(random.random(len(labels)), labels) for _ in range(2000)]
        exceeding = sum(value > bound for value in areas if value is not None) / len(areas)
        assert exceeding < 0.04


def test_the_standard_error_is_that_of_repeated_samples() -> None:
    random = np.random.default_rng(1)
    labels = np.r_[np.ones(60, int), np.zeros(90, int)]
    areas = [area(random.normal(labels.astype(float)), labels) for _ in range(2000)]
    values = np.array([value for value in areas if value is not None])
    assert standard_error(values.mean(), 60, 90) == pytest.approx(values.std(), rel=0.1)


def test_a_small_table_says_what_it_is_too_small_for() -> None:
    assert "68 eval rows are too few to evaluate slices" in choose(_counts(276, 68, 0.4)).small
    assert choose(_counts(80_000, 20_000, 0.4)).small == ""


def test_small_tables_train_on_small_batches_for_more_epochs() -> None:
    small, large = choose(_counts(276, 68, 0.4)), choose(_counts(80_000, 20_000, 0.4))
    assert small.batch_size < large.batch_size == 512
    assert small.epochs > large.epochs
    assert small.min_frequency < large.min_frequency == 20
    assert small.min_auc > large.min_auc


def test_slices_need_rows_of_both_labels_in_two_values() -> None:
    assert sliceable({"a": (300, 100), "b": (250, 30)}, 200)
    assert not sliceable({"a": (300, 100), "b": (150, 30)}, 200)
    assert not sliceable({"a": (300, 100), "b": (250, 5)}, 200)
    assert not sliceable({str(value): (300, 100) for value in range(80)}, 200)
