"""The ten steps of docs/kubeflow.md name what is there, and show what is printed."""

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
    """Return the folders that are applied, as the tests of manifests render them."""
    return [words[3] for words in _DOCUMENT.commands("kubectl") if words[2:3] == ["-k"]]


def _rendered(folder: str) -> list[rendered.Object]:
    return rendered.objects(str(PROJECT / folder))


@pytest.fixture
def shown(tmp_path: Path) -> Settings:
    """The settings of step 6: those of this project, and what is added to a copy of them."""
    [added] = _DOCUMENT.blocks("toml")
    file = tmp_path / _SETTINGS
    file.write_text(f"{rendered.text(PROJECT / 'taxiway.toml')}\n{added}", encoding="utf-8")
    return loading.load_plain(file)


def _said(error: TaxiwayError) -> str:
    return f"Stopped: {error.what}\nNext   {error.next_step}\n"


def test_there_are_ten_steps() -> None:
    numbers = re.findall(r"^\*\*(\d+)\. ", _DOCUMENT.text, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("words", _DOCUMENT.commands("taxiway"), ids=" ".join)
def test_a_command_of_taxiway_takes_these_words(words: list[str]) -> None:
    documents.parse(words)


def test_each_command_of_kubeflow_reads_the_settings_shown() -> None:
    """Those of `taxiway run` on one machine name no database that only a cluster reaches."""
    assert ["cp", "taxiway.toml", _SETTINGS] in _DOCUMENT.commands()
    commands = _DOCUMENT.commands("taxiway")
    assert {words[1] for words in commands} == {"kubeflow"}
    for words in commands:
        assert words[words.index("--settings") + 1] == _SETTINGS


def test_the_pod_for_the_registry_has_the_tasks_image(shown: Settings) -> None:
    [admin] = rendered.pods("admin")
    assert admin.containers[0]["image"] == shown.kubeflow.image


def test_the_image_is_built_with_what_the_dockerfile_takes(shown: Settings) -> None:
    build, run, push = _DOCUMENT.commands("docker")
    _, stages = image.parsed()
    known = {step.value[0].split("=")[0] for step in stages[-1].of_kind("ARG")}
    given = {after.split("=")[0] for word, after in pairwise(build) if word == "--build-arg"}
    assert given and given <= known
    named = {word for words in (build, run, push) for word in words if "/taxiway:" in word}
    assert named == {shown.kubeflow.image}


def test_what_is_applied_can_be_rendered() -> None:
    assert _applied() == ["serving/k8s/volume", _OURS, "serving/k8s/overlays/production"]
    for folder in [*_applied(), f"{_OURS}/account", f"{_OURS}/metadata"]:
        assert _rendered(folder)


def test_the_objects_named_are_rendered() -> None:
    named = set(re.findall(r"\b(deployment|statefulset|pod)/([\w-]+)", _DOCUMENT.text))
    objects = {
        (each["kind"].lower(), each["metadata"]["name"])
        for folder in _applied()
        for each in _rendered(folder)
    }
    assert len(named) == 3
    assert named <= objects


def test_the_settings_name_what_was_applied(shown: Settings) -> None:
    objects = {
        (each["kind"], each["metadata"]["name"])
        for folder in _applied()
        for each in _rendered(folder)
    }
    assert ("Service", shown.metadata.host) in objects
    assert ("ServiceAccount", shown.kubeflow.service_account) in objects
    assert ("PersistentVolumeClaim", shown.kubeflow.volume_claim) in objects


def test_the_secret_has_the_keys_that_are_read(shown: Settings) -> None:
    [made] = [words for words in _DOCUMENT.commands("kubectl") if words[1] == "create"]
    assert made[:5] == ["kubectl", "create", "secret", "generic", shown.kubeflow.metadata_secret]
    keys = {word.split("=")[1] for word in made[5:]}
    [pod] = rendered.pods(str(PROJECT / _OURS))
    [container] = pod.containers
    read = {
        each["value"].rpartition("/")[2]
        for each in container["env"]
        if each["name"].endswith("_FILE")
    }
    assert keys == read == {"password", "root-password"}


def test_compiling_prints_what_is_shown(shown: Settings) -> None:
    package = packages.compiled(shown.kubeflow, metadata=shown.metadata)
    tasks = len(package.pipeline["deploymentSpec"]["executors"])
    line = re.fullmatch(r"flights.yaml: (\d+) tasks, (\d+) kB\n", _SHOWN[0])
    assert line is not None
    assert int(line[1]) == tasks
    # Each setting of the project is in it seventeen times.
    assert int(line[2]) == pytest.approx(len(package.to_yaml().encode()) / 1e3, rel=0.1)


def test_without_an_image_it_says_what_is_shown(tmp_path: Path) -> None:
    done = taxiway("kubeflow", "compile", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == _SHOWN[1]


def test_without_a_way_there_it_says_what_is_shown() -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TaxiwayError) as error:
            Client(KubeflowSettings(host=host), {}).state("r-1")
    assert _said(error.value).replace(host, "http://localhost:8080") == _SHOWN[2]


def test_a_stranger_is_told_what_is_shown() -> None:
    with kfp_server.serving() as kfp, pytest.raises(TaxiwayError) as error:
        Client(KubeflowSettings(host=kfp.host), {}).state("r-1")
    assert _said(error.value).replace(kfp.host, "https://kubeflow.example") == _SHOWN[3]


def test_what_it_links_to_exists() -> None:
    assert _DOCUMENT.links()
    for file in _DOCUMENT.links():
        assert file.exists(), file
