"""A server with the manifest's arguments passes its probes and serves the stable version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.store import aliases, model_config, publish
from serving.store.manifest import Blessing, Facts
from tests.serving.k8s import rendered
from tests.serving.server.conftest import Server, serving
from tests.serving.server.models import export

pytestmark = pytest.mark.slow

_PRODUCTION = "overlays/production"
_FACTS = Facts(name="flights", blessing=Blessing(blessed=True))
_PORTS = ("--port=", "--rest_api_port=")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published model with a stable version and a newer canary."""
    folder = tmp_path_factory.mktemp("kubernetes")
    base = folder / "workspace" / "models" / "flights"
    for version, factor in ((1, 0.5), (2, 0.25)):
        publish.publish(export(folder / str(version), factor), base, _FACTS, lambda _: None)
    for version, alias in ((1, model_config.STABLE), (2, "canary")):
        aliases.promote(base, version, "ann", alias, verify=lambda _: None)
    return base


@pytest.fixture(scope="module")
def server(command: str, base: Path) -> Iterator[Server]:
    """A server started with the arguments of the Deployment.

    Its folders are others, and its ports, which may be in use here.
    """
    [configuration] = rendered.objects_of_kind("ConfigMap", _PRODUCTION)
    container, places = rendered.container(_PRODUCTION), {}
    for mount in container["volumeMounts"]:
        places[mount["name"]] = mount["mountPath"]
    for name, content in configuration["data"].items():
        (base.parents[1] / name).write_text(content)
    args = [
        word.replace(places["workspace"], str(base.parent)).replace(
            places["monitoring"], str(base.parents[1])
        )
        for word in container["args"]
        if not word.startswith(_PORTS)
    ]
    assert len(args) == len(container["args"]) - len(_PORTS)
    with serving(command, *args) as server:
        server.wait("flights", v1="AVAILABLE", v2="AVAILABLE")
        yield server


def test_it_is_ready_by_the_probes(server: Server) -> None:
    _probe(server)


@pytest.mark.parametrize(("label", "answer"), [("stable", 0.5), ("canary", 0.25)])
def test_it_serves_labelled_versions(server: Server, label: str, answer: float) -> None:
    assert _ask(server, label) == [answer]
    assert server.call(f"/v1/models/flights/labels/{label}/metadata")[0] == 200


def test_a_broken_version_makes_no_pod_unready(server: Server, base: Path) -> None:
    (base / "3").mkdir()
    (base / "3" / "saved_model.pb").write_bytes(b"no graph")
    server.wait("flights", v3="LOADING")
    _probe(server)
    assert _ask(server, "stable") == [0.5]
    assert server.call("/v1/models/flights/versions/3/metadata")[0] == 404


def _probe(server: Server) -> None:
    container = rendered.container(_PRODUCTION)
    status, text = server.call(container["startupProbe"]["httpGet"]["path"])
    assert status == 200, text
    for probe in ("readinessProbe", "livenessProbe"):
        request = health_pb2.HealthCheckRequest(service=container[probe]["grpc"]["service"])
        answer = health_pb2_grpc.HealthStub(server.channel).Check(request)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def _ask(server: Server, label: str) -> object:
    status, content = server.json(f"/v1/models/flights/labels/{label}:predict", {"instances": [1]})
    assert status == 200, content
    return content["predictions"]
