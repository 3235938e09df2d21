"""The manifests beside Kubeflow Pipelines are valid and agree with the packages."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pipeline.kubeflow import names
from pipeline.kubeflow.compiler.package import Package
from pipeline.settings.kubeflow import KubeflowSettings
from pipeline.settings.metadata import MetadataSettings
from tests.conftest import PROJECT
from tests.serving.k8s import checks, rendered

FOLDER = PROJECT / "pipeline" / "kubeflow" / "k8s"
_ALL = str(FOLDER)

# The rights of the programs that call Kubernetes in a pod: KFP's driver and launcher, and Argo's
# executor.
_RIGHTS = {
    ("", "configmaps", "kfp-launcher"): {"get"},
    ("", "secrets", "mlpipeline-minio-artifact"): {"get"},
    ("", "pods", ""): {"get"},
    ("argoproj.io", "workflows", ""): {"get"},
    ("argoproj.io", "workflowtaskresults", ""): {"create", "patch"},
}


@pytest.mark.parametrize("version", checks.KUBERNETES)
def test_every_object_fits_the_schema_strictly(version: str) -> None:
    checks.fit_the_schema(rendered.objects(_ALL), version)


def test_every_object_and_pod_has_the_usual_labels() -> None:
    checks.have_the_usual_labels(_ALL)


def test_the_database_has_no_unnecessary_rights() -> None:
    checks.may_do_nothing_needless(_ALL, volumes=["secret"])


def test_the_manifests_contain_no_secret_and_no_second_volume() -> None:
    kinds = sorted(item["kind"] for item in rendered.objects(_ALL))
    assert kinds == [
        "NetworkPolicy", "Role", "RoleBinding", "Service", "ServiceAccount", "ServiceAccount",
        "StatefulSet",
    ]  # fmt: skip


def test_the_account_has_exactly_the_required_rights() -> None:
    [role] = rendered.objects_of_kind("Role", _ALL)
    rights = {
        (group, resource, name): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }
    assert rights == _RIGHTS
    [binding] = rendered.objects_of_kind("RoleBinding", _ALL)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    [subject] = binding["subjects"]
    accounts = {
        account["metadata"]["name"]: account["automountServiceAccountToken"]
        for account in rendered.objects_of_kind("ServiceAccount", _ALL)
    }
    assert accounts == {subject["name"]: True, "taxiway-metadata": False}


def test_the_database_agrees_with_the_default_settings() -> None:
    [pod], defaults = rendered.pods(_ALL), MetadataSettings()
    [container] = pod.containers
    variables = {entry["name"]: entry["value"] for entry in container["env"]}
    assert variables["MARIADB_DATABASE"] == defaults.database
    assert variables["MARIADB_USER"] == defaults.user
    [service] = rendered.objects_of_kind("Service", _ALL)
    [port] = service["spec"]["ports"]
    assert port["port"] == defaults.port
    assert {entry["name"]: entry["containerPort"] for entry in container["ports"]} == {
        port["targetPort"]: defaults.port
    }


def test_the_database_has_the_password_of_the_tasks(package: Package) -> None:
    executors = package.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    used = {
        (secret["secretName"], key["secretKey"])
        for executor in executors.values()
        for secret in executor["secretAsEnv"]
        for key in secret["keyToEnv"]
        if key["envVar"] == names.PASSWORD
    }
    [pod] = rendered.pods(_ALL)
    [container] = pod.containers
    [volume] = [item for item in pod.spec["volumes"] if "secret" in item]
    [folder] = [
        item["mountPath"] for item in container["volumeMounts"] if item["name"] == volume["name"]
    ]
    variables = {entry["name"]: entry["value"] for entry in container["env"]}
    [(secret, key)] = used
    assert volume["secret"]["secretName"] == secret
    assert variables["MARIADB_PASSWORD_FILE"] == f"{folder}/{key}"
    assert variables["MARIADB_ROOT_PASSWORD_FILE"] == f"{folder}/root-password"


def test_only_tasks_reach_the_database(package: Package) -> None:
    [policy] = rendered.objects_of_kind("NetworkPolicy", _ALL)
    assert sorted(policy["spec"]["policyTypes"]) == ["Egress", "Ingress"]
    assert "egress" not in policy["spec"]
    [rule] = policy["spec"]["ingress"]
    [peer] = rule["from"]
    assert set(peer) == {"podSelector"}  # of this namespace
    allowed = peer["podSelector"]["matchLabels"]
    executors = package.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for executor in executors.values():
        assert allowed.items() <= executor["podMetadata"]["labels"].items()
    [pod] = rendered.pods(_ALL)
    assert not allowed.items() <= pod.labels.items()
    [service] = rendered.objects_of_kind("Service", _ALL)
    for selector in (policy["spec"]["podSelector"]["matchLabels"], service["spec"]["selector"]):
        assert selector.items() <= pod.labels.items()


def test_the_database_keeps_its_data_and_mounts_every_volume() -> None:
    [database] = rendered.objects_of_kind("StatefulSet", _ALL)
    spec: dict[str, Any] = database["spec"]
    assert spec["replicas"] == 1
    [pod] = rendered.pods(_ALL)
    [container] = pod.containers
    [claim] = [item["metadata"]["name"] for item in spec["volumeClaimTemplates"]]
    mounted = {item["name"]: item["mountPath"] for item in container["volumeMounts"]}
    assert mounted[claim] == "/var/lib/mysql"
    assert set(mounted) == {claim, *(volume["name"] for volume in pod.spec["volumes"])}
    [service] = rendered.objects_of_kind("Service", _ALL)
    assert spec["serviceName"] == service["metadata"]["name"]


def test_tasks_servers_and_users_share_one_volume() -> None:
    [claim] = rendered.objects_of_kind("PersistentVolumeClaim", "volume")
    assert KubeflowSettings().volume_claim == claim["metadata"]["name"]
    for folder in ("volume", "admin"):
        [pod] = rendered.pods(folder)
        [name] = [
            item["name"]
            for item in pod.spec["volumes"]
            if item.get("persistentVolumeClaim") == {"claimName": claim["metadata"]["name"]}
        ]
        mounts = {item["name"]: item["mountPath"] for item in pod.containers[0]["volumeMounts"]}
        assert mounts[name] == str(KubeflowSettings().workspace)


def test_the_admin_pod_does_not_reach_the_database() -> None:
    [policy] = rendered.objects_of_kind("NetworkPolicy", _ALL)
    [peer] = policy["spec"]["ingress"][0]["from"]
    [admin] = rendered.pods("admin")
    assert not peer["podSelector"]["matchLabels"].items() <= admin.labels.items()


def test_the_image_is_set_once() -> None:
    [image] = yaml.safe_load(rendered.text(FOLDER / "metadata/kustomization.yaml"))["images"]
    expected = f"{image['name']}@{image['digest']}" if "digest" in image else (
        f"{image['name']}:{image['newTag']}"
    )  # fmt: skip
    [pod] = rendered.pods(_ALL)
    assert pod.containers[0]["image"] == expected
    assert not expected.endswith(":latest")
