"""Rows and candidates for InfraCheck."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.features import Features
from pipeline.components.infra_check.dry_run import Candidate, Request
from pipeline.components.infra_check.report import Limits
from tests.serving.tiny import export

FEATURES = Features(label="late", numeric=("distance",), categorical=("carrier",))
LIMITS = Limits(load_seconds=60, memory_bytes=10**9, latency_ms=10_000, seconds=60)


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """A split of 40 rows in two files."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("examples")
    for part in range(2):
        with tf.io.TFRecordWriter(str(folder / f"part-{part}.gz"), "GZIP") as writer:
            for row in range(part * 20, part * 20 + 20):
                example = tf.train.Example()
                feature = example.features.feature
                feature["distance"].float_list.value.append(row / 10)
                feature["carrier"].bytes_list.value.append(b"AA" if row % 3 else b"UA")
                feature["late"].int64_list.value.append(row % 2)
                writer.write(example.SerializeToString())
    return tuple(sorted(folder.iterdir()))


MakeRequest = Callable[..., Request]


@pytest.fixture
def request_(examples: tuple[Path, ...], tmp_path: Path) -> MakeRequest:
    """Make the request for a dry run of a model."""

    def make(model: Path, **limits: float) -> Request:
        folder = tmp_path / "dry_run"
        folder.mkdir()
        return Request(**dict(candidate(model, examples, **limits)), folder=folder)

    return make


def candidate(model: Path, examples: tuple[Path, ...], **limits: float) -> Candidate:
    """Return the candidate of a dry run."""
    return Candidate(
        model=model,
        examples=examples,
        features=FEATURES,
        rows=30,
        limits=LIMITS.model_copy(update=limits),
    )


@pytest.fixture(scope="session")
def good_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small correct SavedModel."""
    return export(tmp_path_factory.mktemp("good") / "model")


def one_signature_differs() -> Callable[[Any], dict[str, Any]]:
    """Return a `finish` that is right for the signature exported first, and wrong for others."""
    wrong = iter([0.0, 0.25, 0.25])
    return lambda scores: {"scores": scores * (1 - next(wrong))}
