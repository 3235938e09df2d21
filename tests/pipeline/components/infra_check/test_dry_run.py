"""Dry runs of candidates with real rows."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.components.infra_check import process
from pipeline.components.infra_check.dry_run import ANSWERS_FILE, MODEL_FOLDER, run
from serving.store import manifest, model_files
from serving.validation import inputs, model_check
from tests.pipeline.components.infra_check.conftest import (
    MakeRequest,
    candidate,
    one_signature_differs,
)
from tests.serving.tiny import export, hang


def test_a_good_model_passes(good_model: Path, request_: MakeRequest) -> None:
    request = request_(good_model)
    report = run(request)
    assert (report.problems, report.passed, report.rows) == ((), True, 40)
    # `transformed` needs what `transform_features` returns, and this model has none.
    assert list(report.latency_ms) == ["serving_default", "serving_tensors"]
    assert all(0 < latency.p50 <= latency.p99 for latency in report.latency_ms.values())
    assert report.load_seconds > 0
    answers = np.load(request.folder / ANSWERS_FILE)
    assert answers["labels"].tolist() == [0, 1] * 20
    assert answers["scores"].shape == (40,)


def test_a_good_model_gets_warm_up_requests_of_real_rows(
    good_model: Path, request_: MakeRequest
) -> None:
    import tensorflow as tf

    request = request_(good_model)
    report = run(request)
    model = request.folder / MODEL_FOLDER
    warmup = inputs.warmup(tf, model)
    assert report.warmup_requests == len(warmup) == 4
    assert [name for name, _ in warmup] == ["serving_default"] * 2 + ["serving_tensors"] * 2
    one, sixteen = (feed for name, feed in warmup if name == "serving_tensors")
    assert one["distance"].tolist() == [0.0] and one["carrier"].tolist() == [b"UA"]
    assert sixteen["distance"] == pytest.approx(np.arange(16) / 10)
    assert model_check.check(model) == []
    assert manifest.model_id(model_files.hash_files(model)) == report.model_id
    assert model_files.list_files(good_model) == [
        name for name in model_files.list_files(model) if name != inputs.WARMUP
    ]


@pytest.mark.parametrize(
    ("finish", "problem"),
    [
        (
            lambda scores: {"scores": scores * 3},
            r"serving_default: \d+ scores are not from 0 to 1, such as [12]\.",
        ),
        (
            lambda scores: {"scores": scores / _zero_above(scores, 0.72)},
            "serving_default: scores is not finite for some real rows",
        ),
        (
            lambda scores: {"scores": scores[:1]},
            r"serving_default: scores has shape \(1,\) for 30 rows",
        ),
        (
            lambda scores: {"scores": scores * 0.5 + 0.1 * _count(scores) / 30},
            "serving_default of one row: scores differ from those of serving_default",
        ),
        (one_signature_differs(), "serving_tensors: scores differ from those of serving_default"),
    ],
    ids=["out of range", "not finite", "rows lost", "batch matters", "signatures differ"],
)
def test_a_bad_answer_to_real_rows_is_found(
    finish: Callable[[Any], dict[str, Any]],
    problem: str,
    request_: MakeRequest,
    tmp_path: Path,
) -> None:
    report = run(request_(export(tmp_path / "model", finish=finish)))
    assert not report.passed
    assert re.match(problem, report.problems[0])
    assert report.summary().startswith(f"not fit to serve: {report.problems[0]}")


def _zero_above(scores: Any, bound: float) -> Any:
    import tensorflow as tf

    return tf.cast(scores < bound, tf.float32)


def _count(scores: Any) -> Any:
    import tensorflow as tf

    return tf.cast(tf.size(scores), tf.float32)


def test_an_unknown_operation_is_found(
    good_model: Path, request_: MakeRequest, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(good_model, model)
    graph = (model / "saved_model.pb").read_bytes()
    (model / "saved_model.pb").write_bytes(graph.replace(b"Sigmoid", b"Sigmund"))
    (model / "fingerprint.pb").unlink()
    report = run(request_(model))
    assert "Op type not registered 'Sigmund'" in report.problems[0]


def test_a_model_without_a_graph_is_found(request_: MakeRequest, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "fingerprint.pb").touch()
    report = run(request_(tmp_path / "model"))
    assert "not a SavedModel" in report.problems[0]


def test_a_link_out_of_the_model_is_not_followed(
    good_model: Path, request_: MakeRequest, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(good_model, model)
    (model / "assets" / "secret").symlink_to("/etc/hostname")
    request = request_(model)
    report = run(request)
    assert report.problems == (
        f"{model}/assets/secret: expected a file or a folder, got a symbolic link",
    )
    assert not (request.folder / MODEL_FOLDER).exists()


@pytest.mark.parametrize(
    ("limit", "problem"),
    [
        (
            "load_seconds",
            r"loading takes \d+\.\d s; the maximum is 1e-06 s \(infra\.max_load_seconds\)",
        ),
        (
            "latency_ms",
            r"serving_tensors: 1 in 100 requests takes \d+\.\d ms or longer; "
            r"the maximum is 1e-06 ms \(infra\.max_latency_ms\)",
        ),
    ],
    ids=["loading", "answering"],
)
def test_a_model_past_a_limit_is_refused(
    limit: str, problem: str, good_model: Path, request_: MakeRequest
) -> None:
    report = run(request_(good_model, **{limit: 1e-6}))
    assert re.fullmatch(problem, report.problems[-1])
    assert not report.passed


def test_a_model_past_the_limit_of_memory_is_refused(
    good_model: Path, examples: tuple[Path, ...]
) -> None:
    dry_run = process.claim(candidate(good_model, examples, memory_bytes=1))
    problems = dry_run.finish().problems
    dry_run.close()
    assert any(
        "the model takes more than 0 MB of memory (infra.max_memory_mb)" in p for p in problems
    )


def test_a_model_that_hangs_is_refused(examples: tuple[Path, ...], tmp_path: Path) -> None:
    model = export(tmp_path / "model", finish=hang)
    dry_run = process.claim(candidate(model, examples, seconds=0.3))
    problems = dry_run.finish().problems
    folder = dry_run.folder
    dry_run.close()
    assert problems == ("the model cannot be served: not loaded and called within 0.3 s",)
    assert not folder.exists()


def test_a_model_that_takes_the_machines_memory_is_stopped(
    examples: tuple[Path, ...], tmp_path: Path
) -> None:
    def finish(scores: Any) -> dict[str, Any]:
        import tensorflow as tf

        # 8 GB when it is not stopped; not a constant that could be folded.
        wide = tf.ones([tf.size(scores) * 0 + 2_000_000_000])
        return {"scores": scores * tf.reduce_min(tf.sort(wide))}

    model = export(tmp_path / "model", finish=finish)
    dry_run = process.claim(candidate(model, examples, memory_bytes=300 * 10**6))
    problems = dry_run.finish().problems
    dry_run.close()
    assert problems == ("the model takes more than 300 MB of memory (infra.max_memory_mb)",)


def test_a_started_dry_run_is_claimed_for_the_same_candidate(
    good_model: Path, examples: tuple[Path, ...], request_: MakeRequest
) -> None:
    same = candidate(good_model, examples)
    process.start(same)
    [started] = process._dry_runs
    other = process.claim(candidate(good_model, examples[:1], seconds=0.1))
    other.close()
    assert other is not started
    assert process.claim(same) is started
    assert process._dry_runs == []
    report = started.finish()
    assert report.passed
    assert report.model_id == run(request_(good_model)).model_id, "the same in every process"
    assert json.loads((started.folder / "report.json").read_text())["rows"] == 40
    started.close()
