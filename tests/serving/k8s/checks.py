"""Checks that every folder of manifests must pass."""

from __future__ import annotations

from collections.abc import Iterable

import kubernetes_validate

from tests.serving.k8s import rendered
from tests.serving.k8s.rendered import Object, Pods

# From the release on whose gRPC probes are stable to the newest one whose schema there is.
KUBERNETES = ("1.27", kubernetes_validate.latest_version())

_LABELS = ("name", "instance", "part-of", "managed-by")


def fit_the_schema(objects: Iterable[Object], version: str) -> None:
    """Assert that objects are valid in a release of Kubernetes, without unknown fields."""
    for item in objects:
        if item["apiVersion"].startswith("serving.kserve.io/"):
            continue  # its schema comes with KServe
        kubernetes_validate.validate(item, version, strict=True)


def have_the_usual_labels(name: str) -> None:
    """Assert that the objects of a folder and their pods have the standard labels."""
    expected = {f"app.kubernetes.io/{item}" for item in _LABELS}
    for item in rendered.objects(name):
        assert expected <= set(item["metadata"]["labels"]), item["kind"]
    for pod in rendered.pods(name):
        assert expected <= set(pod.labels)


def may_do_nothing_needless(name: str, volumes: Iterable[str] = ()) -> None:
    """Assert that the pods of a folder may be in a `restricted` namespace, and do less than that.

    Args:
      name: of the folder.
      volumes: kinds of volume that they may have besides the usual.
    """
    kinds = {"persistentVolumeClaim", "configMap", "emptyDir", *volumes}
    for pod in rendered.pods(name):
        assert pod.spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec)
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for volume in pod.spec.get("volumes", []):
            assert set(volume) - {"name"} <= kinds
        for container in pod.containers:
            _check_container(pod, container)


def _check_container(pod: Pods, container: Object) -> None:
    own = container["securityContext"]
    context = {**pod.spec["securityContext"], **own}
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["runAsGroup"] > 0
    assert own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert not own.get("privileged", False)
    assert own["capabilities"] == {"drop": ["ALL"]}
    requested, limits = (container["resources"][item] for item in ("requests", "limits"))
    assert set(requested) == {"cpu", "memory"}
    assert limits["memory"] == requested["memory"]
