"""The manifests as kustomize renders them, and the pods in them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT

FOLDER = PROJECT / "serving" / "k8s"
SERVERS = ("development", "production", "canary")
ALL = ("volume", "admin", *(f"overlays/{name}" for name in (*SERVERS, "kserve")))

# 5.0 refuses a file that holds two patches.
_OLDEST = (5, 4)

Object = dict[str, Any]


@dataclass(frozen=True)
class Pods:
    """What makes pods.

    Args:
      name: of the object.
      labels: of each pod.
      spec: of each pod.
      containers: of each pod, those that only begin it among them.
    """

    name: str
    labels: dict[str, str]
    spec: Object
    containers: list[Object]


@cache
def objects(name: str) -> list[Object]:
    """Return what a folder of manifests renders to; skip where nothing can render it.

    Args:
      name: of the folder in serving/k8s, or a whole path.
    """
    done = subprocess.run([*_kustomize(), FOLDER / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # what kustomize says is deprecated
    return list(yaml.safe_load_all(done.stdout))


def objects_of_kind(kind: str, name: str) -> list[Object]:
    """Return the objects of a kind."""
    return [item for item in objects(name) if item["kind"] == kind]


def pods(name: str) -> list[Pods]:
    """Return the objects that create pods."""
    return list(_pods(objects(name)))


def container(name: str) -> Object:
    """Return the only container of an overlay's only Deployment."""
    [deployment] = objects_of_kind("Deployment", name)
    [items] = deployment["spec"]["template"]["spec"]["containers"]
    return dict(items)


def flags(name: str) -> dict[str, str]:
    """Return the flags of the only container, by name."""
    pairs = [word.removeprefix("--").partition("=") for word in container(name)["args"]]
    return {flag: value for flag, _, value in pairs}


def _pods(items: list[Object]) -> Iterator[Pods]:
    for item in items:
        name, spec = item["metadata"]["name"], item.get("spec", {})
        if item["kind"] in ("Deployment", "StatefulSet"):
            template = spec["template"]
            yield _from_spec(name, template["metadata"]["labels"], template["spec"])
        elif item["kind"] == "Pod":
            yield _from_spec(name, item["metadata"]["labels"], spec)
        elif item["kind"] == "InferenceService":
            predictor = spec["predictor"]
            yield Pods(name, item["metadata"]["labels"], predictor, [predictor["model"]])


def _from_spec(name: str, labels: dict[str, str], spec: Object) -> Pods:
    return Pods(name, labels, spec, [*spec.get("initContainers", []), *spec["containers"]])


@cache
def _kustomize() -> list[str]:
    options = []
    if kustomize := shutil.which("kustomize"):
        options.append(([kustomize, "build"], _output(kustomize, "version")))
    if kubectl := shutil.which("kubectl"):
        client_version = json.loads(
            _output(kubectl, "version", "--client", "--output=json") or "{}"
        )
        options.append(([kubectl, "kustomize"], client_version.get("kustomizeVersion", "")))
    for command, version in options:
        if _numbers(version) >= _OLDEST:
            return command
    pytest.skip(
        "no kustomize 5.4 or newer, which kubectl 1.31 has too; "
        "on Debian 13: apt-get install kubernetes-client"
    )


def _output(*args: str) -> str:
    return subprocess.run(args, capture_output=True, text=True, check=False).stdout.strip()


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.removeprefix("v").split(".")
    return tuple(int(part) for part in parts[:2] if part.isdecimal())


def text(file: Path) -> str:
    """Return a file's text."""
    return file.read_text(encoding="utf-8")
