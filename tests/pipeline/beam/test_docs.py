"""docs/engines.md and the cluster's manifest fit the settings and the code."""

from __future__ import annotations

import re
from itertools import zip_longest
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from apache_beam.options.pipeline_options import FlinkRunnerOptions

from pipeline.beam import check
from pipeline.settings import loading
from pipeline.settings.beam import BeamSettings
from pipeline.settings.sections import Settings
from scripts.clusters import downloads
from tests import image
from tests.conftest import PROJECT
from tests.documents import Document
from tests.serving.k8s import rendered
from tests.serving.k8s.checks import KUBERNETES

_DOCUMENT = Document(PROJECT / "docs" / "engines.md")
_MANIFEST = PROJECT / "pipeline" / "beam" / "k8s" / "flink.yaml"


def _manifest() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the cluster and its network policy."""
    cluster, policy = yaml.safe_load_all(_MANIFEST.read_text())
    return cluster, policy


def _shown(folder: Path) -> list[BeamSettings]:
    """Return the settings that the document shows, for Flink and for Spark."""
    settings = []
    for text in _DOCUMENT.blocks("toml"):
        (folder / "taxiway.toml").write_text(text, encoding="utf-8")
        settings.append(loading.load(folder / "taxiway.toml").beam)
    return settings


def test_the_settings_shown_are_valid(tmp_path: Path) -> None:
    flink, spark = _shown(tmp_path)
    for beam in (flink, spark):
        check.check_settings(beam)
    assert flink.engines["ExampleGen"] == "flink"
    assert flink.engines["Evaluator"] == "local"
    assert set(spark.engines.values()) == {"spark"}


def test_its_links_are_not_broken() -> None:
    for link in _DOCUMENT.links():
        assert "://" in str(link) or ":/" in str(link) or link.exists(), link


def test_the_cluster_fits_the_settings_shown(tmp_path: Path) -> None:
    flink = _shown(tmp_path)[0].flink
    cluster, _ = _manifest()
    spec = cluster["spec"]
    assert spec["mode"] == "standalone", "otherwise there are no task slots before the first job"
    configuration = spec["flinkConfiguration"]
    slots = int(configuration["taskmanager.numberOfTaskSlots"])
    off_heap = int(configuration["taskmanager.memory.task.off-heap.size"].removesuffix("g"))
    assert off_heap * 1024 >= 512 * slots, "the document states 512 MB"
    assert flink.parallelism is not None
    assert spec["taskManager"]["replicas"] * slots >= flink.parallelism
    assert f"v{spec['image'].removeprefix('flink:')}".replace(".", "_") == spec["flinkVersion"]
    assert spec["image"].removeprefix("flink:") in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    assert flink.master is not None
    service = re.split("[.:]", flink.master)[0]
    assert service == f"{cluster['metadata']['name']}-rest", (
        "the operator gives the service this name"
    )


def _pods(cluster: Any) -> dict[str, Any]:
    """Return the pods that the operator makes from the templates, by component."""
    spec = cluster["spec"]
    return {
        part: _merged(spec["podTemplate"]["spec"], spec[part].get("podTemplate", {}).get("spec"))
        for part in ("jobManager", "taskManager")
    }


def _merged(common: Any, own: Any) -> Any:
    """Merge two templates as the operator does by default: lists by position."""
    if isinstance(common, dict) and isinstance(own, dict):
        return common | {name: _merged(common.get(name), own[name]) for name in own}
    if isinstance(common, list) and isinstance(own, list):
        return [_merged(*pair) for pair in zip_longest(common, own)]
    return common if own is None else own


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("part", ["jobManager", "taskManager"])
def test_kubernetes_accepts_its_pods(part: str, version: str) -> None:
    cluster, _ = _manifest()
    pod = _pods(cluster)[part]
    flink = pod["containers"][0]
    assert flink["name"] == "flink-main-container", "the operator searches for this name"
    flink["image"] = cluster["spec"]["image"]  # the operator adds it
    kubernetes_validate.validate(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "flink"}, "spec": pod},
        version,
        strict=True,
    )


def test_its_pods_have_the_least_privileges() -> None:
    for pod in _pods(_manifest()[0]).values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            own = pod["securityContext"] | container["securityContext"]
            assert own["runAsNonRoot"] is True and own["runAsUser"] > 0
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("version", KUBERNETES)
def test_only_tasks_and_the_operator_call_it(version: str) -> None:
    cluster, policy = _manifest()
    kubernetes_validate.validate(policy, version, strict=True)
    own = {"matchLabels": {"app": cluster["metadata"]["name"]}}
    assert policy["spec"]["podSelector"] == own
    among_themselves, from_outside = policy["spec"]["ingress"]
    assert among_themselves == {"from": [{"podSelector": own}]}
    task, operator = from_outside["from"]
    assert task == {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "taxiway"}}}
    assert "namespaceSelector" in operator and "podSelector" in operator
    assert from_outside["ports"] == [{"port": 8081}]


def test_workers_write_as_the_user_of_the_tasks() -> None:
    pod = _pods(_manifest()[0])["taskManager"]
    own = pod["containers"][1]["securityContext"]
    [user] = image.parsed()[1][-1].objects_of_kind("USER")
    assert user.value == (f"{own['runAsUser']}:{own['runAsGroup']}",)
    assert "fsGroup" not in pod["securityContext"], "it would change the volume's group"
    [copy] = rendered.pods("volume")
    assert _mounts(pod["containers"][1])["workspace"] == _mounts(copy.containers[0])["workspace"]
    claims = [volume.get("persistentVolumeClaim") for volume in copy.spec["volumes"]]
    assert pod["volumes"][0]["persistentVolumeClaim"] in claims


def _mounts(container: Any) -> dict[str, Any]:
    return {mount["name"]: mount for mount in container["volumeMounts"]}


def test_the_operator_accepts_the_cluster() -> None:
    try:
        definition = downloads.operator_schema()
    except downloads.Unavailable as missing:
        pytest.skip(str(missing))
    cluster, _ = _manifest()
    group, version = cluster["apiVersion"].split("/")
    assert (definition["spec"]["group"], definition["spec"]["names"]["kind"]) == (
        group, cluster["kind"],
    )  # fmt: skip
    [schema] = [
        _strict(served["schema"]["openAPIV3Schema"])
        for served in definition["spec"]["versions"]
        if served["name"] == version and served["served"]
    ]
    named = ("apiVersion", "kind", "metadata")  # Kubernetes defines these fields
    fields = {name: value for name, value in cluster.items() if name not in named}
    jsonschema.validate(fields, schema)
    fields["spec"]["taskManager"]["replica"] = 3
    with pytest.raises(jsonschema.ValidationError, match="'replica' was unexpected"):
        jsonschema.validate(fields, schema)


def _strict(schema: Any) -> Any:
    """Return a schema that rejects unknown fields, which Kubernetes would drop."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(item) for name, item in schema.items()}
    free = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not free:
        strict.setdefault("additionalProperties", False)
    return strict


def test_the_pool_starts_as_in_the_document_and_the_settings() -> None:
    cluster, _ = _manifest()
    pool = cluster["spec"]["taskManager"]["podTemplate"]["spec"]["containers"][1]
    assert [pool["command"]] == _DOCUMENT.commands("python")
    assert Settings().beam.flink.worker_pool == "localhost:50000"
    assert [["kubectl", "apply", "-f", str(_MANIFEST.relative_to(PROJECT))]] == (
        _DOCUMENT.commands("kubectl")
    )
