"""The image is small, installs the lock, runs as any user and requires no clone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli

from pipeline.settings.kubeflow import KubeflowSettings
from tests import image
from tests.conftest import PROJECT, copy_project
from tests.image import Image
from tests.pipeline.kubeflow import packages
from tests.pipeline.kubeflow.cluster import resolve
from tests.serving.k8s import rendered

_ARGUMENTS, _STAGES = image.parsed()
_LAST = _STAGES[-1]

_PACKAGES = ("models", "pipeline", "schema", "serving")
_COMPILERS = re.compile(r"g\+\+|gcc|build-essential|\bcc\b")


def test_the_base_image_is_set_once() -> None:
    names = {stage.name for stage in _STAGES}
    assert {stage.base for stage in _STAGES} - names == {"${PYTHON}"}
    assert re.fullmatch(
        r"[\w./-]+:3\.10-slim-bookworm(@sha256:[0-9a-f]{64})?", _ARGUMENTS["PYTHON"]
    )


def test_compilers_are_in_another_stage() -> None:
    assert len(_STAGES) > 1
    assert _LAST.base == "${PYTHON}"
    assert [step for stage in _STAGES for step in stage.objects_of_kind("ADD")] == []
    with_compilers = [
        stage.name
        for stage in _STAGES
        if any(_COMPILERS.search(step.value[0]) for step in stage.objects_of_kind("RUN"))
    ]
    assert with_compilers == ["dependencies"]


def test_the_last_stage_adds_only_java_and_a_user_name() -> None:
    [step] = _LAST.objects_of_kind("RUN")
    assert [command.strip() for command in step.value[0].split("&&")] == [
        "apt-get update",
        "mkdir -p /usr/share/man/man1",
        "apt-get install --yes --no-install-recommends openjdk-17-jre-headless",
        "rm -r /var/lib/apt/lists/*",
        'echo "taxiway:x:65532:65532::/tmp:/usr/sbin/nologin" >>/etc/passwd',
    ]
    assert _LAST.steps[0] == step, "a step above it would rebuild this layer for every revision"
    assert "/usr/bin" in _LAST.pairs("ENV")["PATH"].split(":"), "Debian installs java there"


def test_packages_are_installed_from_the_lock() -> None:
    installs = [
        command
        for stage in _STAGES
        for step in stage.objects_of_kind("RUN")
        for command in step.value[0].split("&&")
        if "pip install" in command and " -m pip " not in command
    ]
    locked, own = installs
    assert "--require-hashes" in locked
    assert "requirements.lock" in locked
    assert {"--no-deps", "--no-build-isolation"} <= set(own.split())
    for command in installs:
        assert "--compile-bytecode" in command


def test_uv_has_the_version_of_setup() -> None:
    setup_version = re.search(
        r"^uv_version=(.+)$", rendered.text(PROJECT / "scripts/setup.sh"), re.M
    )
    assert setup_version is not None
    [argument] = [step.value[0] for step in _STAGES[0].objects_of_kind("ARG")]
    assert argument == f"UV={setup_version[1]}"


def test_the_user_id_equals_that_of_the_servers() -> None:
    [user] = _LAST.objects_of_kind("USER")
    [copy_pod] = rendered.pods("volume")
    context = copy_pod.spec["securityContext"]
    assert user.value == (f"{context['runAsUser']}:{context['runAsGroup']}",)
    assert context["runAsUser"] > 0


def test_labels_describe_the_image() -> None:
    labels = _LAST.pairs("LABEL")
    prefix = "org.opencontainers.image."
    assert set(labels) == {
        prefix + name
        for name in ("title", "description", "licenses", "version", "revision", "base.name")
    }
    project = tomli.loads(rendered.text(PROJECT / "pyproject.toml"))["project"]
    assert labels[f"{prefix}version"] == project["version"]
    assert labels[f"{prefix}licenses"] == project["license"]
    assert labels[f"{prefix}title"] == project["name"]


def test_the_project_is_in_the_folder_of_the_settings() -> None:
    [folder] = _LAST.objects_of_kind("WORKDIR")
    assert folder.value == (str(KubeflowSettings().project),)
    [entry] = _LAST.objects_of_kind("ENTRYPOINT")
    assert entry.json and entry.value == ("taxiway",)


def test_the_build_context_contains_only_code(tmp_path: Path) -> None:
    clone = copy_project(tmp_path / "clone")
    junk = ["password", ".venv/bin/python", "workspace/models/flights/1/saved_model.pb"]
    junk += [
        "models/__pycache__/x.pyc",
        "pipeline/components/data_gate/__pycache__/x.pyc",
        ".git/config",
    ]
    for name in junk:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).touch()
    code = {
        str(file.relative_to(PROJECT))
        for file in _tracked(PROJECT)
        if file.relative_to(PROJECT).parts[0] in _PACKAGES and "k8s" not in file.parts
    }
    others = {"requirements.lock", "pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE"}
    assert image.build_context(clone) == code | others | {"taxiway.toml"}


def _tracked(folder: Path) -> Iterator[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    yield from (folder / name for name in filter(None, names.split("\0")))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Build the image from the build context, by running the steps of the Dockerfile."""
    if sys.version_info[:2] != (3, 10):
        pytest.skip("the image is for Python 3.10")
    folder = tmp_path_factory.mktemp("image")
    clone = copy_project(folder / "clone")
    for name in image.build_context(clone):
        (folder / "context" / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).rename(folder / "context" / name)
    shutil.rmtree(clone)
    image_ = Image(folder / "root")
    image_.build(folder / "context")
    shutil.rmtree(folder / "context")
    yield image_
    shutil.rmtree(folder)


def _installed(built: Image) -> Path:
    return Path(built.path("/opt/taxiway"), "lib/python3.10/site-packages")


@pytest.mark.slow
def test_every_file_of_the_code_is_installed(built: Image) -> None:
    for file in _tracked(PROJECT):
        name = file.relative_to(PROJECT)
        if name.parts[0] in _PACKAGES and "k8s" not in name.parts:
            assert (_installed(built) / name).read_bytes() == file.read_bytes(), name
            if name.suffix == ".py":
                compiled = name.parent / "__pycache__" / f"{name.stem}.cpython-310.pyc"
                assert (_installed(built) / compiled).is_file()


@pytest.mark.slow
def test_no_headers_and_no_other_packages_are_installed(built: Image) -> None:
    assert not (_installed(built) / "tensorflow/include").exists()
    assert not (_installed(built) / "pytest").exists()
    assert {file.name for file in Path(built.path("/taxiway")).iterdir()} == {
        "taxiway.toml", "models", "schema",
    }  # fmt: skip


@pytest.mark.slow
def test_the_command_starts_in_any_folder(built: Image) -> None:
    shown = built.run("taxiway", "--help", cwd="/")
    assert shown.returncode == 0, shown.stderr
    assert "Take a model from data to take-off." in shown.stdout
    valid = built.run("taxiway", "settings")
    assert valid.returncode == 0, valid.stderr
    assert 'name = "flights"' in valid.stdout


@pytest.mark.slow
def test_a_task_has_java(built: Image) -> None:
    if not Path("/usr/bin/java").exists():
        pytest.skip("Debian's Java is not installed on this machine")
    shown = built.run("java", "-version")
    assert shown.returncode == 0, shown.stderr
    path = built.run("python", "-c", "import shutil; print(shutil.which('java'))")
    assert path.stdout == "/usr/bin/java\n"


@pytest.mark.slow
def test_the_installed_modules_are_imported(built: Image) -> None:
    program = (
        "import sys, models, pipeline, schema, serving; print(*sys.path, *sys.modules.values())"
    )
    done = built.run("python", "-c", program)
    assert done.returncode == 0, done.stderr
    assert str(_installed(built) / "pipeline") in done.stdout
    assert str(PROJECT) not in done.stdout


@pytest.mark.slow
def test_a_task_of_a_package_runs(built: Image, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    package = packages.compiled(
        KubeflowSettings(
            image="registry.example/taxiway:1",
            project=Path(built.path("/taxiway")),
            workspace=workspace,
        )
    )
    container = package.pipeline["deploymentSpec"]["executors"]["exec-start"]["container"]
    parameters = package.pipeline["root"]["inputDefinitions"]["parameters"]
    inputs = {name: parameter["defaultValue"] for name, parameter in parameters.items()}
    inputs |= {"run": "5c0ffee5-1", "span": 201302, "window": 1}
    report = tmp_path / "report.html"
    args = [resolve(arg, inputs, {"report": report}) for arg in container["args"]]
    done = built.run(*container["command"], *args)
    assert done.returncode == 0, done.stderr
    assert "Source: done" in done.stdout
    assert (workspace / "metadata" / "metadata.sqlite").is_file()
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.slow
def test_arguments_of_no_package_are_a_usage_error(built: Image) -> None:
    args = ["--node", "Start", "--run", "1", "--settings", "of another version"]
    done = built.run("python", "-m", "pipeline.kubeflow.container.node", *args)
    assert done.returncode == 2
    assert "Next   taxiway kubeflow compile" in done.stderr
