"""docs/engines.md and the cluster's manifest name what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from pipeline import settings
from pipeline.engine import check
from scripts.flink import downloads
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


def test_the_cluster_is_what_the_operator_takes() -> None:
    try:
        definition = downloads.operator_schema()
    except downloads.Unavailable as missing:
        pytest.skip(str(missing))
    cluster = yaml.safe_load(_MANIFEST.read_text())
    group, version = cluster["apiVersion"].split("/")
    assert (definition["spec"]["group"], definition["spec"]["names"]["kind"]) == (
        group, cluster["kind"],
    )  # fmt: skip
    [schema] = [
        _strict(each["schema"]["openAPIV3Schema"])
        for each in definition["spec"]["versions"]
        if each["name"] == version and each["served"]
    ]
    named = ("apiVersion", "kind", "metadata")  # these are Kubernetes's own
    judged = {name: value for name, value in cluster.items() if name not in named}
    jsonschema.validate(judged, schema)
    judged["spec"]["taskManager"]["replica"] = 3
    with pytest.raises(jsonschema.ValidationError, match="'replica' was unexpected"):
        jsonschema.validate(judged, schema)


def _strict(schema: Any) -> Any:
    """Have a schema refuse fields that it does not name, which Kubernetes would drop."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(each) for name, each in schema.items()}
    free = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not free:
        strict.setdefault("additionalProperties", False)
    return strict


def test_the_pool_is_started_as_the_document_and_the_settings_say() -> None:
    cluster = yaml.safe_load(_MANIFEST.read_text())
    pool = cluster["spec"]["taskManager"]["podTemplate"]["spec"]["containers"][1]
    assert [pool["command"]] == _DOCUMENT.commands("python")
    assert settings.Settings().beam.flink.worker_pool == "localhost:50000"
    assert [["kubectl", "apply", "-f", str(_MANIFEST.relative_to(PROJECT))]] == (
        _DOCUMENT.commands("kubectl")
    )
