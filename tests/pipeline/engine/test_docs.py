"""docs/engines.md and the cluster's manifest name what is there."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from pipeline import settings
from pipeline.engine import check
from tests.conftest import PROJECT
from tests.documents import Document
from tests.serving.k8s.checks import KUBERNETES

_DOCUMENT = Document(PROJECT / "docs" / "engines.md")
_MANIFEST = PROJECT / "pipeline" / "engine" / "k8s" / "flink.yaml"


def test_the_settings_shown_are_settings(tmp_path: Path) -> None:
    [text] = _DOCUMENT.blocks("toml")
    (tmp_path / "taxiway.toml").write_text(text, encoding="utf-8")
    beam = settings.load(tmp_path / "taxiway.toml").beam
    check.settings(beam)
    assert beam.engines["ExampleGen"] == "flink"
    assert beam.engines["Evaluator"] == "local"


def test_its_links_lead_somewhere() -> None:
    for link in _DOCUMENT.links():
        assert "://" in str(link) or ":/" in str(link) or link.exists(), link


@pytest.mark.parametrize("version", KUBERNETES)
def test_the_task_managers_pod_is_what_kubernetes_takes(version: str) -> None:
    cluster = yaml.safe_load(_MANIFEST.read_text())
    template = cluster["spec"]["taskManager"]["podTemplate"]
    [flink, pool] = template["spec"]["containers"]
    assert flink["name"] == "flink-main-container", "the name that the operator looks for"
    flink = flink | {"image": cluster["spec"]["image"]}  # the operator puts it in
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "task-manager"},
        "spec": template["spec"] | {"containers": [flink, pool]},
    }
    kubernetes_validate.validate(pod, version, strict=True)


def test_the_pool_is_started_as_the_document_and_the_settings_say() -> None:
    cluster = yaml.safe_load(_MANIFEST.read_text())
    pool = cluster["spec"]["taskManager"]["podTemplate"]["spec"]["containers"][1]
    assert [pool["command"]] == _DOCUMENT.commands("python")
    assert settings.Settings().beam.flink.worker_pool == "localhost:50000"
    assert [["kubectl", "apply", "-f", str(_MANIFEST.relative_to(PROJECT))]] == (
        _DOCUMENT.commands("kubectl")
    )
