"""What every folder of manifests has to be, whoever's pods it makes."""

from __future__ import annotations

from collections.abc import Iterable

import kubernetes_validate

from tests.serving.k8s import rendered
from tests.serving.k8s.rendered import Object, Pods

# From the release on whose gRPC probes are stable to the newest one whose schema there is.
KUBERNETES = ("1.27", kubernetes_validate.latest_version())

_LABELS = ("name", "instance", "part-of", "managed-by")


def fit_the_schema(objects: Iterable[Object], version: str) -> None:
    """Assert that objects are what a release of Kubernetes takes, and have no unknown field."""
    for each in objects:
        if each["apiVersion"].startswith("serving.kserve.io/"):
            continue  # its schema comes with KServe
        kubernetes_validate.validate(each, version, strict=True)


def have_the_usual_labels(name: str) -> None:
    """Assert that the objects of a folder, and their pods, can be told by their labels."""
    wanted = {f"app.kubernetes.io/{each}" for each in _LABELS}
    for each in rendered.objects(name):
        assert wanted <= set(each["metadata"]["labels"]), each["kind"]
    for pod in rendered.pods(name):
        assert wanted <= set(pod.labels)


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
    requested, limits = (container["resources"][each] for each in ("requests", "limits"))
    assert set(requested) == {"cpu", "memory"}
    assert limits["memory"] == requested["memory"]
