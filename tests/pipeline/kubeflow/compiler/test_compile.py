"""Compilation is deterministic, follows the settings and gives what KFP can read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format

from pipeline.errors import UsageError
from pipeline.kubeflow import encoding
from pipeline.kubeflow.compiler import compile as compile_module
from pipeline.kubeflow.compiler import node_specs
from pipeline.kubeflow.compiler import package as package_module
from pipeline.kubeflow.compiler.package import Package
from pipeline.kubeflow.placing import apply_layout
from pipeline.project import files as project
from pipeline.settings import loading, rendering
from pipeline.settings.beam import BeamSettings, ComponentSettings, FlinkSettings
from pipeline.settings.kubeflow import KubeflowSettings, TaskSettings
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from pipeline.settings.source import SourceSettings
from pipeline.sources.layout import Layout
from tests.conftest import PROJECT, taxiway
from tests.pipeline.kubeflow import packages

_EXECUTORS = "executors"


def _container(package: Package, task: str) -> dict[str, Any]:
    return package.pipeline["deploymentSpec"][_EXECUTORS][f"exec-{task}"]["container"]


def _pod(package: Package, task: str) -> dict[str, Any]:
    kubernetes = package.platform["platforms"]["kubernetes"]
    return kubernetes["deploymentSpec"][_EXECUTORS][f"exec-{task}"]


def _tasks(package: Package) -> dict[str, Any]:
    return package.pipeline["components"]["comp-pipeline"]["dag"]["tasks"]


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="TFX 1.16 wrote the expected file")
def test_the_package_equals_the_reviewed_one(package: Package) -> None:
    expected = packages.EXPECTED.read_text(encoding="utf-8")
    assert packages.readable(package) == expected, (
        "if the change is intended, run: python -m tests.pipeline.kubeflow.packages"
    )


@pytest.mark.slow
def test_the_command_writes_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    """Use another hash seed, which changes the order of sets."""
    file = tmp_path / "taxiway.toml"
    plain = packages.plain(KubeflowSettings(image="registry.example/taxiway:1"))
    file.write_text(rendering.as_toml(plain), encoding="utf-8")
    # Relative paths start at the folder of the settings file, so the files are copied there.
    for name in filter(None, (plain.features, plain.schema_file, plain.policy_file)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    done = subprocess.run(
        [sys.executable, "kubeflow_runner.py", "compile", "--settings", file,
         "-o", tmp_path / "flights.yaml", "--json"],
        cwd=PROJECT, env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"] == 17
    written = (tmp_path / "flights.yaml").read_text(encoding="utf-8")
    assert written == packages.compiled(plain.kubeflow).to_yaml()


def test_a_written_package_reads_back(package: Package) -> None:
    assert package_module.load(package.to_yaml()) == package
    with pytest.raises(ValueError, match="two YAML documents"):
        package_module.load("a: 1")
    with pytest.raises(ValueError, match="not YAML"):
        package_module.load("a: [")


def test_the_messages_of_kfp_parse_the_package(package: Package) -> None:
    spec = pytest.importorskip("kfp.pipeline_spec.pipeline_spec_pb2")
    parsed = json_format.ParseDict(package.pipeline, spec.PipelineSpec())
    assert parsed.schema_version == "2.1.0"
    deployment = package.pipeline["deploymentSpec"]
    executors = json_format.ParseDict(deployment, spec.PipelineDeploymentConfig()).executors
    assert {executor.WhichOneof("spec") for executor in executors.values()} == {"container"}
    platform = json_format.ParseDict(package.platform, spec.PlatformSpec())
    assert set(platform.platforms["kubernetes"].deployment_spec.executors) == set(executors)


_HASHED = Layout(1, (1,), Path("/workspace/data/0123/hash"), hash_split="train 80%, eval 20%")


@pytest.mark.parametrize(
    ("variant", "data"),
    [
        *(
            (variant, Layout(201305, (201303, 201304), Path("/workspace/data/0123")))
            for variant in node_specs.VARIANTS
        ),
        ("plain", _HASHED),
    ],
)
def test_a_task_runs_the_same_node_as_a_local_run(variant: str, data: Layout) -> None:
    from tfx.dsl.compiler import compiler

    from pipeline.pipeline import create_pipeline

    plain = packages.plain()
    settings = compile_module.container_settings(plain)
    files = project.load(loading.absolute(plain, PROJECT))
    local = compiler.Compiler().compile(
        create_pipeline(settings, files.features, files.policy, data, variant)
    )
    bound = compile_module.compile_variants(settings, files)[variant]
    [pusher] = [node for node in local.nodes if node.pipeline_node.node_info.id == "Pusher"]
    config = pusher.pipeline_node.parameters.parameters["custom_config"].field_value.string_value
    apply_layout(bound, settings, data, json.loads(config)["code_hash"])
    names = [node.pipeline_node.node_info.id for node in local.nodes]
    assert names == [node.pipeline_node.node_info.id for node in bound.nodes]
    for name in names:
        assert node_specs.node_spec(bound, name) == node_specs.node_spec(local, name)


def test_decoding_reverses_encoding() -> None:
    content = bytes(range(256)) * 9
    assert encoding.decode(encoding.encode(content)) == content
    for damaged in ("", "H4s", encoding.encode(content)[:-8], "!" + encoding.encode(content)):
        with pytest.raises(ValueError, match="encoded"):
            encoding.decode(damaged)


def test_tasks_wait_for_their_inputs(package: Package) -> None:
    waits = {name: task.get("dependentTasks") for name, task in _tasks(package).items()}
    assert waits["start"] is None
    assert waits["example-gen"] == waits["import-schema-gen"] == ["start"]
    assert waits["transform"] == ["data-gate", "example-gen", "import-schema-gen"]
    assert {"tuner", "warm-start-model"} <= set(waits["trainer"])
    assert waits["pusher"] == ["evaluator", "infra-check", "trainer"]
    record = package.pipeline["root"]["dag"]["tasks"]["record"]
    assert record["dependentTasks"] == ["pipeline"]
    assert record["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}


def test_a_node_spec_is_small_and_has_one_node_and_no_database(package: Package) -> None:
    from tfx.proto.orchestration import pipeline_pb2

    args = _container(package, "trainer")["args"]
    variants = {args[index + 1]: args[index + 2] for index, arg in enumerate(args) if arg == "--ir"}
    assert list(variants) == ["plain", "tune", "warm-start"]
    for text in variants.values():
        assert len(text) < 2000
        ir = pipeline_pb2.Pipeline.FromString(encoding.decode(text))
        assert [node.pipeline_node.node_info.id for node in ir.nodes] == ["Trainer"]
        assert b"metadata_connection" not in ir.SerializeToString()
    args = _container(package, "statistics-gen")["args"]
    assert args[args.index("--ir") + 1] == "plain,tune,warm-start"


def test_resources_come_from_the_settings_or_the_measured_defaults(package: Package) -> None:
    trainer = _container(package, "trainer")
    assert trainer["image"] == "registry.example/taxiway-gpu:1"
    assert trainer["resources"] == {
        "cpuRequest": 4.0, "cpuLimit": 8.0, "memoryRequest": 16.0, "memoryLimit": 32.0,
        "accelerator": {"type": "nvidia.com/gpu", "count": "1"},
    }  # fmt: skip
    assert "retryPolicy" not in _tasks(package)["trainer"]
    pod = _pod(package, "trainer")
    assert pod["activeDeadlineSeconds"] == "7200"
    assert pod["nodeSelector"] == {"labels": {"pool": "gpu"}}
    assert pod["tolerations"] == [
        {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
    ]
    evaluator = _container(package, "evaluator")
    assert evaluator["image"] == "registry.example/taxiway:1"
    assert evaluator["resources"]["memoryLimit"] == 4.0
    assert _tasks(package)["evaluator"]["retryPolicy"]["maxRetryCount"] == 2
    assert _pod(package, "evaluator")["tolerations"] == [
        {"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": "60"}
    ]


def test_a_package_names_secrets_and_never_contains_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("hunter2")
    monkeypatch.setenv("TAXIWAY_METADATA_PASSWORD", "hunter2")
    database = packages.TEAM_DATABASE.model_copy(update={"password_file": tmp_path / "password"})
    package = packages.compiled(metadata=database)
    assert "hunter2" not in packages.readable(package)
    assert str(tmp_path) not in packages.readable(package)
    pod = _pod(package, "pusher")
    assert {
        "secretName": "taxiway-metadata",
        "keyToEnv": [{"secretKey": "password", "envVar": "TAXIWAY_METADATA_PASSWORD"}],
    } in pod["secretAsEnv"]
    assert pod["secretAsVolume"] == [
        {"secretName": "taxiway-metadata-tls", "mountPath": "/etc/taxiway/metadata"}
    ]
    assert pod["pvcMount"] == [
        {"constant": "rides", "mountPath": "/data"},
        {"constant": "taxiway", "mountPath": "/workspace"},
    ]
    assert pod["imagePullSecret"] == [{"secretName": "registry"}]
    assert pod["podMetadata"]["labels"] == {
        "app.kubernetes.io/name": "taxiway", "app.kubernetes.io/instance": "flights",
        "app.kubernetes.io/component": "pusher", "team": "flights",
    }  # fmt: skip
    env = {entry["name"]: entry["value"] for entry in _container(package, "pusher")["env"]}
    assert env == {
        "TAXIWAY_METADATA_HOST": "mysql.pipelines", "TAXIWAY_METADATA_PORT": "3306",
        "TAXIWAY_METADATA_DATABASE": "taxiway_flights", "TAXIWAY_METADATA_USER": "taxiway",
        "TAXIWAY_METADATA_SSL_CA": "/etc/taxiway/metadata/ca.crt",
        "TAXIWAY_METADATA_SSL_CERT": "/etc/taxiway/metadata/tls.crt",
        "TAXIWAY_METADATA_SSL_KEY": "/etc/taxiway/metadata/tls.key",
    }  # fmt: skip


def test_a_run_has_parameters_with_defaults(package: Package) -> None:
    parameters = package.pipeline["root"]["inputDefinitions"]["parameters"]
    assert {name: (value["parameterType"], value["defaultValue"]) for name, value in
            parameters.items()} == {
        "span": ("NUMBER_INTEGER", 0.0), "window": ("NUMBER_INTEGER", 3.0),
        "data_root": ("STRING", ""), "tune": ("BOOLEAN", False),
        "warm_start": ("BOOLEAN", False), "no_baseline": ("BOOLEAN", False),
        "promote": ("BOOLEAN", True),
    }  # fmt: skip
    assert "{{$.inputs.parameters['warm_start']}}" in _container(package, "start")["args"]


def test_task_settings_have_paths_of_the_container() -> None:
    source = SourceSettings(kind="folder", path=Path("rides"), serving_logs=Path("/logs"))
    settings = compile_module.container_settings(packages.plain(source=source))
    assert settings.workspace == Path("/workspace")
    assert settings.schema_file == Path("/taxiway/schema/schema.pbtxt")
    assert settings.source.path == Path("/taxiway/rides")
    assert settings.source.serving_logs == Path("/logs")
    assert settings.metadata == MetadataSettings()
    assert settings.kubeflow.timeout_seconds == 7200, "the longest time limit of a task"


def test_an_image_is_required() -> None:
    with pytest.raises(UsageError, match=r"^kubeflow\.image: no image is set"):
        packages.compiled(KubeflowSettings())


def test_an_unknown_component_is_refused() -> None:
    settings_ = KubeflowSettings(image="x", components={"Trainr": TaskSettings(gpus=1)})
    with pytest.raises(UsageError, match=r"there is no component Trainr; there are DataGate, "):
        packages.compiled(settings_)


def test_a_workspace_in_object_storage_is_refused() -> None:
    with pytest.raises(ValueError, match="workspace must be an absolute path in the container"):
        KubeflowSettings(workspace=Path("gs://bucket/workspace"))


def test_the_command_prints_that_an_image_is_required(tmp_path: Path) -> None:
    (tmp_path / "taxiway.toml").touch()
    refused = taxiway("kubeflow", "compile", cwd=tmp_path)
    assert refused.returncode == 2
    assert "kubeflow.image: no image is set" in refused.stderr
    assert yaml.safe_load(refused.stdout) is None


def test_tasks_use_the_beam_engine_of_the_settings() -> None:
    flink = FlinkSettings(master="flink:8081", setup_file=Path("setup.py"), parallelism=4)
    beam = BeamSettings(
        engine="flink", flink=flink, components={"Evaluator": ComponentSettings(engine="local")}
    )
    package = packages.compiled(beam=beam)
    for name in ("example-gen", "statistics-gen", "transform", "evaluator"):
        args = _container(package, name)["args"]
        content = encoding.decode(args[args.index("--settings") + 1])
        assert Settings.model_validate_json(content).beam == beam.model_copy(
            update={"flink": flink.model_copy(update={"setup_file": Path("/taxiway/setup.py")})}
        )


def test_an_engine_without_a_required_setting_is_refused_before_compiling() -> None:
    with pytest.raises(UsageError, match=r"beam\.flink\.master is not set"):
        packages.compiled(beam=BeamSettings(engine="flink"))
