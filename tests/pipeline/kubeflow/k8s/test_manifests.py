"""What runs beside Kubeflow Pipelines is what Kubernetes takes, and what the packages name."""

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

# Of whoever asks Kubernetes in a pod of a run: KFP's driver and launcher, Argo's executor.
_RIGHTS = {
    ("", "configmaps", "kfp-launcher"): {"get"},
    ("", "secrets", "mlpipeline-minio-artifact"): {"get"},
    ("", "pods", ""): {"get"},
    ("argoproj.io", "workflows", ""): {"get"},
    ("argoproj.io", "workflowtaskresults", ""): {"create", "patch"},
}


@pytest.mark.parametrize("version", checks.KUBERNETES)
def test_each_object_fits_the_schema_strictly(version: str) -> None:
    checks.fit_the_schema(rendered.objects(_ALL), version)


def test_each_object_and_pod_has_the_usual_labels() -> None:
    checks.have_the_usual_labels(_ALL)


def test_the_database_may_do_nothing_that_it_need_not() -> None:
    checks.may_do_nothing_needless(_ALL, volumes=["secret"])


def test_no_secret_and_no_second_volume_is_in_it() -> None:
    kinds = sorted(each["kind"] for each in rendered.objects(_ALL))
    assert kinds == [
        "NetworkPolicy", "Role", "RoleBinding", "Service", "ServiceAccount", "ServiceAccount",
        "StatefulSet",
    ]  # fmt: skip


def test_an_account_has_the_rights_that_are_used_and_no_other() -> None:
    [role] = rendered.of_kind("Role", _ALL)
    rights = {
        (group, resource, name): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }
    assert rights == _RIGHTS
    [binding] = rendered.of_kind("RoleBinding", _ALL)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    [subject] = binding["subjects"]
    accounts = {
        each["metadata"]["name"]: each["automountServiceAccountToken"]
        for each in rendered.of_kind("ServiceAccount", _ALL)
    }
    assert accounts == {subject["name"]: True, "taxiway-metadata": False}


def test_the_database_is_what_the_settings_have_by_default() -> None:
    [pod], known = rendered.pods(_ALL), MetadataSettings()
    [container] = pod.containers
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert variables["MARIADB_DATABASE"] == known.database
    assert variables["MARIADB_USER"] == known.user
    [service] = rendered.of_kind("Service", _ALL)
    [port] = service["spec"]["ports"]
    assert port["port"] == known.port
    assert {each["name"]: each["containerPort"] for each in container["ports"]} == {
        port["targetPort"]: known.port
    }


def test_the_password_is_the_one_that_tasks_are_given(package: Package) -> None:
    executors = package.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    given = {
        (secret["secretName"], key["secretKey"])
        for executor in executors.values()
        for secret in executor["secretAsEnv"]
        for key in secret["keyToEnv"]
        if key["envVar"] == names.PASSWORD
    }
    [pod] = rendered.pods(_ALL)
    [container] = pod.containers
    [volume] = [each for each in pod.spec["volumes"] if "secret" in each]
    [folder] = [
        each["mountPath"] for each in container["volumeMounts"] if each["name"] == volume["name"]
    ]
    variables = {each["name"]: each["value"] for each in container["env"]}
    [(secret, key)] = given
    assert volume["secret"]["secretName"] == secret
    assert variables["MARIADB_PASSWORD_FILE"] == f"{folder}/{key}"
    assert variables["MARIADB_ROOT_PASSWORD_FILE"] == f"{folder}/root-password"


def test_only_tasks_reach_the_database(package: Package) -> None:
    [policy] = rendered.of_kind("NetworkPolicy", _ALL)
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
    [service] = rendered.of_kind("Service", _ALL)
    for selector in (policy["spec"]["podSelector"]["matchLabels"], service["spec"]["selector"]):
        assert selector.items() <= pod.labels.items()


def test_its_data_are_kept_and_what_it_names_is_there() -> None:
    [database] = rendered.of_kind("StatefulSet", _ALL)
    spec: dict[str, Any] = database["spec"]
    assert spec["replicas"] == 1
    [pod] = rendered.pods(_ALL)
    [container] = pod.containers
    [kept] = [each["metadata"]["name"] for each in spec["volumeClaimTemplates"]]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounted[kept] == "/var/lib/mysql"
    assert set(mounted) == {kept, *(volume["name"] for volume in pod.spec["volumes"])}
    [service] = rendered.of_kind("Service", _ALL)
    assert spec["serviceName"] == service["metadata"]["name"]


def test_tasks_servers_and_people_share_one_volume() -> None:
    [claim] = rendered.of_kind("PersistentVolumeClaim", "volume")
    assert KubeflowSettings().volume_claim == claim["metadata"]["name"]
    for folder in ("volume", "admin"):
        [pod] = rendered.pods(folder)
        [name] = [
            each["name"]
            for each in pod.spec["volumes"]
            if each.get("persistentVolumeClaim") == {"claimName": claim["metadata"]["name"]}
        ]
        mounts = {each["name"]: each["mountPath"] for each in pod.containers[0]["volumeMounts"]}
        assert mounts[name] == str(KubeflowSettings().workspace)


def test_the_pod_for_the_registry_is_no_task_for_the_database() -> None:
    [policy] = rendered.of_kind("NetworkPolicy", _ALL)
    [peer] = policy["spec"]["ingress"][0]["from"]
    [admin] = rendered.pods("admin")
    assert not peer["podSelector"]["matchLabels"].items() <= admin.labels.items()


def test_one_place_says_which_image() -> None:
    [image] = yaml.safe_load(rendered.text(FOLDER / "metadata/kustomization.yaml"))["images"]
    said = f"{image['name']}@{image['digest']}" if "digest" in image else (
        f"{image['name']}:{image['newTag']}"
    )  # fmt: skip
    [pod] = rendered.pods(_ALL)
    assert pod.containers[0]["image"] == said
    assert not said.endswith(":latest")
