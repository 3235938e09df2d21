"""Every rendered object is valid, and passes the restricted pod security standard."""

from __future__ import annotations

import copy
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from serving.server.options import UNSUPPORTED, Options
from serving.store import model_config
from tests.serving.k8s import checks, rendered
from tests.serving.k8s.rendered import FOLDER, Object

_OVERLAYS = tuple(f"overlays/{name}" for name in rendered.SERVERS)
_PRODUCTION = "overlays/production"


@pytest.fixture(params=rendered.ALL)
def name(request: pytest.FixtureRequest) -> str:
    """A folder that users apply."""
    return str(request.param)


@pytest.fixture(params=_OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    """A folder whose pods are servers of Taxiway."""
    return str(request.param)


@pytest.mark.parametrize("version", checks.KUBERNETES)
def test_each_object_fits_the_schema_strictly(name: str, version: str) -> None:
    checks.fit_the_schema(rendered.objects(name), version)


def test_an_unknown_field_would_be_refused() -> None:
    [deployment] = copy.deepcopy(rendered.objects_of_kind("Deployment", _PRODUCTION))
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        checks.fit_the_schema([deployment], checks.KUBERNETES[0])


def test_each_object_and_pod_has_the_usual_labels(name: str) -> None:
    checks.have_the_usual_labels(name)


def test_pods_may_do_nothing_that_they_need_not(name: str) -> None:
    checks.may_do_nothing_needless(name)
    for account in rendered.objects_of_kind("ServiceAccount", name):
        assert account["automountServiceAccountToken"] is False


def test_servers_only_read_the_models(overlay: str) -> None:
    mounts = rendered.container(overlay)["volumeMounts"]
    assert {item["mountPath"] for item in mounts if not item.get("readOnly")} == {"/tmp"}
    [claim] = rendered.objects_of_kind("PersistentVolumeClaim", "volume")
    [server] = rendered.pods(overlay)
    [volume] = [item for item in server.spec["volumes"] if "persistentVolumeClaim" in item]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_no_overlay_holds_the_models(overlay: str) -> None:
    assert rendered.objects_of_kind("PersistentVolumeClaim", overlay) == []


def test_selectors_select_the_pods(overlay: str) -> None:
    [deployment] = rendered.objects_of_kind("Deployment", overlay)
    [server] = rendered.pods(overlay)
    selectors = [deployment["spec"]["selector"]["matchLabels"]]
    for constraint in server.spec["topologySpreadConstraints"]:
        selectors.append(constraint["labelSelector"]["matchLabels"])
    # A canary's are production's.
    for source in {overlay, _PRODUCTION if "canary" in overlay else overlay}:
        for item in rendered.objects(source):
            match item["kind"]:
                case "Service":
                    selectors.append(item["spec"]["selector"])
                case "PodDisruptionBudget":
                    selectors.append(item["spec"]["selector"]["matchLabels"])
                case "NetworkPolicy":
                    selectors.append(item["spec"]["podSelector"]["matchLabels"])
    assert len(selectors) >= 5
    for selector in selectors:
        assert selector.items() <= server.labels.items()


def test_production_and_canary_do_not_take_each_other_s_pods() -> None:
    [stable], [canary] = (
        rendered.objects_of_kind("Deployment", name) for name in (_PRODUCTION, "overlays/canary")
    )
    assert stable["metadata"]["name"] != canary["metadata"]["name"]
    for one, other in ((stable, canary), (canary, stable)):
        labels = other["spec"]["template"]["metadata"]["labels"]
        assert not one["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_a_canary_is_a_server_and_its_configuration_alone() -> None:
    kinds = sorted(item["kind"] for item in rendered.objects("overlays/canary"))
    assert kinds == ["ConfigMap", "Deployment"]
    [canary], [stable] = rendered.pods("overlays/canary"), rendered.pods(_PRODUCTION)
    assert canary.spec["serviceAccountName"] == stable.spec["serviceAccountName"]
    assert canary.containers[0]["image"] != stable.containers[0]["image"]
    assert canary.containers[0]["resources"] == stable.containers[0]["resources"]


def test_the_objects_that_a_deployment_names_exist(overlay: str) -> None:
    [server] = rendered.pods(overlay)
    [configuration] = rendered.objects_of_kind("ConfigMap", overlay)
    volumes = {volume["name"]: volume for volume in server.spec["volumes"]}
    assert volumes["monitoring"]["configMap"]["name"] == configuration["metadata"]["name"]
    assert {item["name"] for item in server.containers[0]["volumeMounts"]} == set(volumes)
    [account] = rendered.objects_of_kind("ServiceAccount", _PRODUCTION)
    assert server.spec["serviceAccountName"] == account["metadata"]["name"]


def test_autoscaler_and_budget_have_a_target() -> None:
    [deployment] = rendered.objects_of_kind("Deployment", _PRODUCTION)
    [scaler] = rendered.objects_of_kind("HorizontalPodAutoscaler", _PRODUCTION)
    assert scaler["spec"]["scaleTargetRef"] == {
        "apiVersion": deployment["apiVersion"],
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
    }
    assert "replicas" not in deployment["spec"]
    assert scaler["spec"]["minReplicas"] > 1
    [budget] = rendered.objects_of_kind("PodDisruptionBudget", _PRODUCTION)
    assert budget["spec"]["maxUnavailable"] < scaler["spec"]["minReplicas"]


def test_an_update_takes_no_pod_before_there_is_another(overlay: str) -> None:
    [deployment] = rendered.objects_of_kind("Deployment", overlay)
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_the_ports_named_are_the_container_s(overlay: str) -> None:
    container = rendered.container(overlay)
    ports = {item["name"]: item["containerPort"] for item in container["ports"]}
    flags = rendered.flags(overlay)
    assert ports == {"grpc": int(flags["port"]), "rest": int(flags["rest_api_port"])}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert _port(container[probe]) in {*ports, *ports.values()}
    for service in rendered.objects_of_kind("Service", overlay):
        assert {item["targetPort"]: item["port"] for item in service["spec"]["ports"]} == ports
    for policy in rendered.objects_of_kind("NetworkPolicy", overlay):
        opened = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        assert opened == set(ports)


def _port(probe: Object) -> Any:
    return probe["grpc"]["port"] if "grpc" in probe else probe["httpGet"]["port"]


def test_only_labelled_namespaces_come_in_and_only_dns_goes_out() -> None:
    [policy] = rendered.objects_of_kind("NetworkPolicy", _PRODUCTION)
    assert sorted(policy["spec"]["policyTypes"]) == ["Egress", "Ingress"]
    allowed = {}
    for rule in policy["spec"]["ingress"]:
        [peer] = rule["from"]
        [(label, value)] = peer["namespaceSelector"]["matchLabels"].items()
        allowed[f"{label}={value}"] = {item["port"] for item in rule["ports"]}
    assert allowed == {
        "taxiway-access=predict": {"grpc", "rest"}, "taxiway-access=metrics": {"rest"},
    }  # fmt: skip
    [egress] = policy["spec"]["egress"]
    assert {item["port"] for item in egress["ports"]} == {53}


def test_probes_ask_no_model(overlay: str) -> None:
    container, flags = rendered.container(overlay), rendered.flags(overlay)
    assert flags["enable_grpc_healthcheck_service"] == "true"
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"]["service"] == "PredictionService"
    # Both ports listen when REST does; its path is the one that is monitored.
    assert container["startupProbe"]["httpGet"]["path"] == _metrics_path(overlay)


def test_prometheus_gets_the_path_of_the_metrics(overlay: str) -> None:
    [deployment] = rendered.objects_of_kind("Deployment", overlay)
    assert deployment["spec"]["template"]["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": rendered.flags(overlay)["rest_api_port"],
        "prometheus.io/path": _metrics_path(overlay),
    }


def _metrics_path(overlay: str) -> str:
    [configuration] = rendered.objects_of_kind("ConfigMap", overlay)
    [path] = re.findall(r'path: "(.+)"', configuration["data"]["monitoring.config"])
    return str(path)


def test_a_model_may_be_tried_again_until_the_server_gives_up(overlay: str) -> None:
    probe = rendered.container(overlay)["startupProbe"]
    options = Options()
    retries = options.max_num_load_retries * options.load_retry_interval_micros / 1e6
    assert probe["periodSeconds"] * probe["failureThreshold"] > retries


def test_a_pod_outlives_its_connections_and_their_requests(overlay: str) -> None:
    [server] = rendered.pods(overlay)
    arguments = dict(
        Options(grpc_channel_arguments=rendered.flags(overlay)["grpc_channel_arguments"])
        .channel_arguments
    )  # fmt: skip
    oldest = 1.1 * int(arguments["grpc.max_connection_age_ms"]) / 1e3  # gRPC varies it by 10 %
    [_, pause] = server.containers[0]["lifecycle"]["preStop"]["exec"]["command"]
    assert int(pause) >= oldest + Options().rest_api_timeout_in_ms / 1e3
    assert server.spec["terminationGracePeriodSeconds"] > int(pause)


def test_flags_are_tf_serving_s(overlay: str) -> None:
    flags_of_server = (set(Options.__dataclass_fields__) | UNSUPPORTED) - {"bind_address"}
    assert set(rendered.flags(overlay)) <= flags_of_server
    [kserve] = rendered.pods("overlays/kserve")
    assert {
        word.removeprefix("--").split("=")[0] for word in kserve.containers[0]["args"]
    } <= flags_of_server


def test_the_server_reads_what_the_registry_writes(overlay: str) -> None:
    [models] = [
        item["mountPath"]
        for item in rendered.container(overlay)["volumeMounts"]
        if item["name"] == "workspace"
    ]
    flags = rendered.flags(overlay)
    assert flags["model_config_file"] == f"{models}/{model_config.CONFIG}"
    assert flags["allow_version_labels_for_unavailable_models"] == "true"
    [kserve] = rendered.pods("overlays/kserve")
    kserve_args = [item for item in kserve.containers[0]["args"] if "model_config_file=" in item]
    assert kserve_args == [f"--model_config_file=/mnt/models/{model_config.CONFIG}"]


def test_one_place_says_which_image(overlay: str) -> None:
    [image] = yaml.safe_load(rendered.text(FOLDER / "image/kustomization.yaml"))["images"]
    said = f"{image['name']}@{image['digest']}" if "digest" in image else (
        f"{image['name']}:{image['newTag']}"
    )  # fmt: skip
    if "canary" not in overlay:
        assert rendered.container(overlay)["image"] == said
    [copy_pod] = rendered.pods("volume")
    assert copy_pod.containers[0]["image"] == said
    assert not said.endswith(":latest")


def test_kserve_runs_the_same_tensorflow_serving() -> None:
    [image] = yaml.safe_load(rendered.text(FOLDER / "image/kustomization.yaml"))["images"]
    [service] = rendered.objects_of_kind("InferenceService", "overlays/kserve")
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"] == {"name": "tensorflow"}
    if "newTag" in image:
        assert model["runtimeVersion"] == image["newTag"]
    [claim] = rendered.objects_of_kind("PersistentVolumeClaim", "volume")
    [copy_pod] = rendered.pods("volume")
    assert model["storageUri"] == f"pvc://{claim['metadata']['name']}/models"
    assert copy_pod.containers[0]["volumeMounts"][0]["mountPath"] == "/workspace"


def test_the_file_of_sizes_patches_production() -> None:
    deployment, scaler = yaml.safe_load_all(
        rendered.text(FOLDER / "overlays/production/resources.yaml")
    )
    assert (deployment["metadata"]["name"], scaler["metadata"]["name"]) == ("taxiway-serving",) * 2
    [patch] = deployment["spec"]["template"]["spec"]["containers"]
    assert patch["name"] == "tensorflow-serving"
    assert rendered.container(_PRODUCTION)["resources"] == patch["resources"]
    [rendered_scaler] = rendered.objects_of_kind("HorizontalPodAutoscaler", _PRODUCTION)
    assert scaler["spec"].items() <= rendered_scaler["spec"].items()
