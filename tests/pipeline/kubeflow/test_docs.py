"""The ten steps of docs/kubeflow.md use existing names and show the real output."""

from __future__ import annotations

import re
import socket
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.errors import TaxiwayError
from pipeline.kubeflow.client import Client
from pipeline.settings import loading
from pipeline.settings.kubeflow import KubeflowSettings
from pipeline.settings.sections import Settings
from tests import documents, image
from tests.conftest import PROJECT, taxiway
from tests.documents import Document
from tests.pipeline.kubeflow import kfp_server, packages
from tests.serving.k8s import rendered

_DOCUMENT = Document(PROJECT / "docs" / "kubeflow.md")
_SHOWN = _DOCUMENT.blocks("")
_OURS = "pipeline/kubeflow/k8s"
_SETTINGS = "kubeflow.toml"


def _applied() -> list[str]:
    """Return the folders that `kubectl apply` gets; the tests of the manifests render them."""
    return [command[3] for command in _DOCUMENT.commands("kubectl") if command[2:3] == ["-k"]]


def _rendered(folder: str) -> list[rendered.Object]:
    return rendered.objects(str(PROJECT / folder))


@pytest.fixture
def shown(tmp_path: Path) -> Settings:
    """Return the settings of step 6: this project's settings with the section that it adds."""
    [added] = _DOCUMENT.blocks("toml")
    file = tmp_path / _SETTINGS
    file.write_text(f"{rendered.text(PROJECT / 'taxiway.toml')}\n{added}", encoding="utf-8")
    return loading.load_plain(file)


def _printed(error: TaxiwayError) -> str:
    return f"Stopped: {error.what}\nNext   {error.next_step}\n"


def test_there_are_ten_steps() -> None:
    numbers = re.findall(r"^\*\*(\d+)\. ", _DOCUMENT.text, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("args", _DOCUMENT.commands("taxiway"), ids=" ".join)
def test_taxiway_accepts_these_arguments(args: list[str]) -> None:
    documents.parse(args)


def test_every_command_reads_the_settings_shown() -> None:
    """`taxiway run` keeps its own file because only the cluster reaches this database."""
    assert ["cp", "taxiway.toml", _SETTINGS] in _DOCUMENT.commands()
    commands = _DOCUMENT.commands("taxiway")
    assert {command[1] for command in commands} == {"kubeflow"}
    for command in commands:
        assert command[command.index("--settings") + 1] == _SETTINGS


def test_the_admin_pod_has_the_image_of_the_tasks(shown: Settings) -> None:
    [admin] = rendered.pods("admin")
    assert admin.containers[0]["image"] == shown.kubeflow.image


def test_the_image_is_built_with_arguments_of_the_dockerfile(shown: Settings) -> None:
    build, run, push = _DOCUMENT.commands("docker")
    _, stages = image.parsed()
    arguments = {step.value[0].split("=")[0] for step in stages[-1].objects_of_kind("ARG")}
    passed = {after.split("=")[0] for arg, after in pairwise(build) if arg == "--build-arg"}
    assert passed and passed <= arguments
    images = {arg for command in (build, run, push) for arg in command if "/taxiway:" in arg}
    assert images == {shown.kubeflow.image}


def test_applied_folders_can_be_rendered() -> None:
    assert _applied() == ["serving/k8s/volume", _OURS, "serving/k8s/overlays/production"]
    for folder in [*_applied(), f"{_OURS}/account", f"{_OURS}/metadata"]:
        assert _rendered(folder)


def test_named_objects_are_rendered() -> None:
    named = set(re.findall(r"\b(deployment|statefulset|pod)/([\w-]+)", _DOCUMENT.text))
    objects = {
        (item["kind"].lower(), item["metadata"]["name"])
        for folder in _applied()
        for item in _rendered(folder)
    }
    assert len(named) == 3
    assert named <= objects


def test_the_settings_name_applied_objects(shown: Settings) -> None:
    objects = {
        (item["kind"], item["metadata"]["name"])
        for folder in _applied()
        for item in _rendered(folder)
    }
    assert ("Service", shown.metadata.host) in objects
    assert ("ServiceAccount", shown.kubeflow.service_account) in objects
    assert ("PersistentVolumeClaim", shown.kubeflow.volume_claim) in objects


def test_the_secret_has_the_keys_that_pods_read(shown: Settings) -> None:
    [create] = [args for args in _DOCUMENT.commands("kubectl") if args[1] == "create"]
    assert create[:5] == ["kubectl", "create", "secret", "generic", shown.kubeflow.metadata_secret]
    keys = {arg.split("=")[1] for arg in create[5:]}
    [pod] = rendered.pods(str(PROJECT / _OURS))
    [container] = pod.containers
    read = {
        entry["value"].rpartition("/")[2]
        for entry in container["env"]
        if entry["name"].endswith("_FILE")
    }
    assert keys == read == {"password", "root-password"}


def test_compile_prints_the_output_shown(shown: Settings) -> None:
    package = packages.compiled(shown.kubeflow, metadata=shown.metadata)
    tasks = len(package.pipeline["deploymentSpec"]["executors"])
    line = re.fullmatch(r"flights.yaml: (\d+) tasks, (\d+) kB\n", _SHOWN[0])
    assert line is not None
    assert int(line[1]) == tasks
    # The package contains the settings 17 times, so its size depends on the project.
    assert int(line[2]) == pytest.approx(len(package.to_yaml().encode()) / 1e3, rel=0.1)


def test_the_error_without_an_image_is_the_one_shown(tmp_path: Path) -> None:
    (tmp_path / "taxiway.toml").touch()
    done = taxiway("kubeflow", "compile", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == _SHOWN[1]


def test_the_error_without_a_connection_is_the_one_shown() -> None:
    with socket.socket() as bound:  # a bound socket that does not listen refuses connections
        bound.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(TaxiwayError) as error:
            Client(KubeflowSettings(host=host), {}).state("r-1")
    assert _printed(error.value).replace(host, "http://localhost:8080") == _SHOWN[2]


def test_the_error_without_credentials_is_the_one_shown() -> None:
    with kfp_server.serving() as kfp, pytest.raises(TaxiwayError) as error:
        Client(KubeflowSettings(host=kfp.host), {}).state("r-1")
    assert _printed(error.value).replace(kfp.host, "https://kubeflow.example") == _SHOWN[3]


def test_links_lead_to_existing_files() -> None:
    assert _DOCUMENT.links()
    for file in _DOCUMENT.links():
        assert file.exists(), file
