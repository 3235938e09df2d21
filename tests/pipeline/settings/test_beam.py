"""The section `[beam]`: its settings, and the messages about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.settings import loading
from pipeline.settings.beam import BeamSettings


def _load(folder: Path, text: str) -> BeamSettings:
    file = folder / "taxiway.toml"
    file.write_text(text, encoding="utf-8")
    return loading.load(file).beam


def test_the_default_engine_is_local(tmp_path: Path) -> None:
    beam = _load(tmp_path, "")
    assert set(beam.engines.values()) == {"local"}


def test_a_component_may_have_another_engine(tmp_path: Path) -> None:
    beam = _load(tmp_path, '[beam]\ncomponents = { Transform = { engine = "flink" } }\n')
    assert {name for name, engine in beam.engines.items() if engine == "flink"} == {"Transform"}


def test_one_engine_can_be_set_for_all_components(tmp_path: Path) -> None:
    own = 'components = { Transform = { engine = "flink", parallelism = 3 } }'
    beam = _load(tmp_path, f'[beam]\nengine = "spark"\n{own}\n')
    assert set(beam.all_on("local").engines.values()) == {"local"}
    assert beam.all_on("flink").parallelism_of("Transform") == 3


def test_an_engine_that_does_not_support_a_component_is_refused(tmp_path: Path) -> None:
    own = "components = { Transform = { parallelism = 4 } }"
    beam = _load(tmp_path, f'[beam]\n{own}\n[beam.spark]\njob_endpoint = "b:1"\n')
    with pytest.raises(ValidationError, match=r"components\.Transform\.parallelism is a setting"):
        beam.all_on("spark")


def test_relative_paths_start_from_the_folder_of_the_file(tmp_path: Path) -> None:
    flink = _load(
        tmp_path, '[beam.flink]\nsetup_file = "setup.py"\nstaging = "/s"\njob_server = "j.jar"\n'
    ).flink
    assert (flink.setup_file, flink.staging) == (tmp_path / "setup.py", Path("/s"))
    assert flink.job_server == str(tmp_path / "j.jar")
    assert _load(tmp_path, '[beam.flink]\njob_server = "g:a:1"\n').flink.job_server == "g:a:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('engine = "storm"', "beam.engine: Input should be 'local', 'flink' or 'spark' (got "),
        ("components = { Trainer = { parallelism = 2 } }", "beam.components.Trainer"),
        ("components = { Transform = { paralelism = 2 } }", "did you mean parallelism?"),
        ("shard_mb = 0", "greater than or equal to 0.01"),
        ("shard_mb = inf", "less than or equal to 2048"),
        (
            'flink = { master = "http://flink:8081" }',
            "beam.flink.master: expected host:port (got 'http://flink:8081')",
        ),
        ("flink = { parallelism = 0 }", "beam.flink.parallelism"),
        ('flink = { mastr = "flink:8081" }', "unknown key beam.flink.mastr; did you mean master?"),
        ('flink = { job_server = "a", job_endpoint = "b:1" }', "exclude each other"),
        ('flink = { staging = "a", job_endpoint = "b:1" }', "of the running job server"),
        (
            'flink = { arguments = ["--streaming", "--runner=X"] }',
            "beam.flink.arguments.1: --runner follows from the settings",
        ),
        ('flink = { arguments = ["--no_wait_until_finish"] }', "remove it"),
        ('spark = { arguments = ["--output_executable_path=x"] }', "remove it"),
        ('flink = { arguments = ["--no_wait_until_f"] }', "remove it"),
        ('spark = { conf = { "spark.cores.max" = "4" } }', "is set by beam.spark.parallelism"),
        ('spark = { conf = { "spark.authenticate.secret" = "x" } }', "is a secret"),
        (
            'components = { Transform = { engine = "local", parallelism = 2 } }',
            'need an engine other than "local"',
        ),
        (
            'components = { Transform = { engine = "spark", parallelism = 2 } }\n'
            'spark = { job_endpoint = "b:1" }',
            "components.Transform.parallelism is a setting of the running job server",
        ),
        ('spark = { conf = { "executor.memory" = "4g" } }', "beam.spark.conf"),
        ('spark = { version = "3.5" }', "unknown key beam.spark.version"),
        (
            'spark = { parallelism = 2, job_endpoint = "b:1" }',
            "parallelism is a setting of the running job server",
        ),
        ('flink = { arguments = ["-x"] }', "expected --name or --name=value, got '-x'"),
        (
            'components = { Transform = { arguments = ["--parallelism=3"] } }',
            "--parallelism follows from the settings",
        ),
    ],
)
def test_a_wrong_setting_is_reported(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        _load(tmp_path, f"[beam]\n{text}\n")
    assert message in raised.value.what
