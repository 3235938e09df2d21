"""The commands of docs/kubernetes.md exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.settings import loading
from tests import documents
from tests.conftest import PROJECT
from tests.documents import Document
from tests.serving.k8s import rendered

_DOCUMENT = Document(PROJECT / "docs" / "kubernetes.md")


def _in_pods() -> list[list[str]]:
    """Return the commands that run in a pod, with the pod's name."""
    return [
        [args[2], *args[args.index("--") + 1 :]]
        for args in _DOCUMENT.commands("kubectl")
        if args[1] == "exec"
    ]


_OF_TAXIWAY = [args for _, *args in _in_pods() if args[0] == "taxiway"]


@pytest.mark.parametrize("args", _DOCUMENT.commands("taxiway") + _OF_TAXIWAY, ids=" ".join)
def test_a_command_of_taxiway_takes_these_words(args: list[str]) -> None:
    documents.parse(args)


def test_only_the_pod_of_taxiway_s_image_runs_taxiway() -> None:
    pods = {pod for pod, program, *_ in _in_pods() if program == "taxiway"}
    [admin] = rendered.pods("admin")
    assert pods == {admin.name}
    [mount] = [item for item in admin.containers[0]["volumeMounts"] if item["name"] == "workspace"]
    folders = {args[args.index("--workspace") + 1] for args in _OF_TAXIWAY}
    assert folders == {mount["mountPath"]}


def test_the_folders_applied_are_rendered_by_the_tests() -> None:
    applied = {args[3] for args in _DOCUMENT.commands() if args[2:3] == ["-k"]}
    assert applied <= {f"serving/k8s/{name}" for name in rendered.ALL}
    assert len(applied) == 5


def test_the_objects_named_are_rendered() -> None:
    named = set(re.findall(r"\b(deployment|service|pod)/([\w-]+)", _DOCUMENT.text))
    objects = {
        (item["kind"].lower(), item["metadata"]["name"])
        for name in rendered.ALL
        for item in rendered.objects(name)
    }
    assert named and named <= objects


def test_the_settings_name_the_folder_that_servers_see(tmp_path: Path) -> None:
    [shown] = _DOCUMENT.blocks("toml")
    file = tmp_path / "taxiway.toml"
    file.write_text(shown, encoding="utf-8")
    [models] = [
        item["mountPath"]
        for item in rendered.container("overlays/production")["volumeMounts"]
        if item["name"] == "workspace"
    ]
    assert loading.load(file).publish.base_path == f"{models}/flights"


def test_its_links_exist() -> None:
    assert _DOCUMENT.links()
    for file in _DOCUMENT.links():
        assert file.exists(), file
