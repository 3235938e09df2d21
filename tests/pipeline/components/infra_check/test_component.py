"""InfraCheck's decision on the candidate of a run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from models import features, tfrecords
from pipeline.components.infra_check import report
from pipeline.components.infra_check.component import InfraCheckExecutor
from pipeline.settings.infra import InfraSettings
from serving.validation import inputs
from tests.conftest import PROJECT, Run, taxiway


def test_every_row_was_served_and_some_by_every_signature(flights_run: Run) -> None:
    result = report.read(flights_run.artifact("InfraCheck", "blessing"))
    assert (result.problems, result.rows, result.rows_each) == ((), 23_611, 1_000)
    assert sorted(result.latency_ms) == [
        "serving_default", "serving_tensors", "transform_features", "transformed",
    ]  # fmt: skip
    decisions = {step["name"]: step["decision"] for step in flights_run.result["steps"]}
    summary = "23,611 rows served, 1,000 by all 4 signatures; loads in "
    assert decisions["InfraCheck"].startswith(summary)


def test_what_was_checked_is_what_is_published(flights_run: Run) -> None:
    result = report.read(flights_run.artifact("InfraCheck", "blessing"))
    published = Path(flights_run.result["model_dir"])
    manifest = json.loads((published / "taxiway.json").read_text())
    assert manifest["model_id"] == result.model_id
    assert manifest["infra_blessing"]["blessed"] is True
    import tensorflow as tf

    assert len(inputs.warmup(tf, published)) == result.warmup_requests == 6


def _artifact(kind: Any, uri: Path) -> list[Any]:
    artifact = kind()
    artifact.uri, artifact.id = str(uri), 1
    return [artifact]


@pytest.mark.slow
def test_scores_that_the_evaluator_did_not_see_are_refused(
    flights_run: Run, tmp_path: Path
) -> None:
    examples = tmp_path / "examples" / "Split-eval"
    examples.mkdir(parents=True)
    import tensorflow as tf

    split = flights_run.artifact("ExampleGen", "examples") / "Split-eval"
    [file] = split.iterdir()
    with tf.io.TFRecordWriter(str(examples / "rows.gz"), "GZIP") as writer:
        for row in tfrecords.read([file], 500):
            writer.write(row)
    [blessing] = _artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
    InfraCheckExecutor().Do(
        {
            "model": _artifact(standard_artifacts.Model, flights_run.artifact("Trainer", "model")),
            "examples": _artifact(standard_artifacts.Examples, examples.parent),
            "evaluation": _artifact(
                standard_artifacts.ModelEvaluation,
                flights_run.artifact("Evaluator", "evaluation"),
            ),
        },
        {"blessing": [blessing]},
        {
            "features": features.load(PROJECT / "models/flights.toml").model_dump_json(),
            "settings": InfraSettings().model_dump_json(),
        },
    )
    assert blessing.get_int_custom_property("blessed") == 0
    assert (tmp_path / "blessing" / "INFRA_NOT_BLESSED").exists()
    problems = report.read(tmp_path / "blessing").problems
    assert (
        "served scores have example_count 500 on the eval split, the Evaluator measured 23611"
        in problems
    )


@pytest.mark.slow
def test_a_model_past_a_limit_is_not_published(flights_run: Run, tmp_path: Path) -> None:
    (tmp_path / "taxiway.toml").write_text(
        f'workspace = "{flights_run.workspace}"\nfeatures = "{PROJECT}/models/flights.toml"\n'
        f'schema_file = "{PROJECT}/schema/schema.pbtxt"\n[infra]\nmax_latency_ms = 0.001\n'
    )
    args = ("run", "--span", "201302", "--window", "1", "--settings", tmp_path / "taxiway.toml")
    refused = taxiway(*args)
    assert refused.returncode == 4, refused.stdout + refused.stderr
    assert re.search(r"  transformed: 1 in 100 requests takes [\d.]+ ms", refused.stderr)
    assert "; the maximum is 0.001 ms (infra.max_latency_ms)\n" in refused.stderr
    assert "Next   fix the model, or change the limits under [infra]\n" in refused.stderr
    assert "Stopped: the model cannot be served, nothing was published:\n" in refused.stderr
    [page] = re.findall(r"^Report (.*)$", refused.stderr, re.MULTILINE)
    text = Path(page).read_text(encoding="utf-8")
    assert "Not published: the model cannot be served" in text
    assert "<b>ROC</b>" in text and "<b>Calibration</b>" in text
    assert "Traceback" not in refused.stderr
    versions = (flights_run.workspace / "models/flights").iterdir()
    assert [version.name for version in versions] == ["1"]
