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


def of_kind(kind: str, name: str) -> list[Object]:
    """Return the objects of a kind."""
    return [each for each in objects(name) if each["kind"] == kind]


def pods(name: str) -> list[Pods]:
    """Return what makes pods."""
    return list(_pods(objects(name)))


def container(name: str) -> Object:
    """Return the one container of an overlay's one Deployment."""
    [deployment] = of_kind("Deployment", name)
    [found] = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


def flags(name: str) -> dict[str, str]:
    """Return the flags of the one container, by name."""
    pairs = [word.removeprefix("--").partition("=") for word in container(name)["args"]]
    return {flag: value for flag, _, value in pairs}


def _pods(found: list[Object]) -> Iterator[Pods]:
    for each in found:
        name, spec = each["metadata"]["name"], each.get("spec", {})
        if each["kind"] in ("Deployment", "StatefulSet"):
            template = spec["template"]
            yield _of_spec(name, template["metadata"]["labels"], template["spec"])
        elif each["kind"] == "Pod":
            yield _of_spec(name, each["metadata"]["labels"], spec)
        elif each["kind"] == "InferenceService":
            predictor = spec["predictor"]
            yield Pods(name, each["metadata"]["labels"], predictor, [predictor["model"]])


def _of_spec(name: str, labels: dict[str, str], spec: Object) -> Pods:
    return Pods(name, labels, spec, [*spec.get("initContainers", []), *spec["containers"]])


@cache
def _kustomize() -> list[str]:
    known = []
    if kustomize := shutil.which("kustomize"):
        known.append(([kustomize, "build"], _output(kustomize, "version")))
    if kubectl := shutil.which("kubectl"):
        of_client = json.loads(_output(kubectl, "version", "--client", "--output=json") or "{}")
        known.append(([kubectl, "kustomize"], of_client.get("kustomizeVersion", "")))
    for command, version in known:
        if _numbers(version) >= _OLDEST:
            return command
    pytest.skip(
        "no kustomize 5.4 or newer, which kubectl 1.31 has too; "
        "on Debian 13: apt-get install kubernetes-client"
    )


def _output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.removeprefix("v").split(".")
    return tuple(int(part) for part in parts[:2] if part.isdecimal())


def text(file: Path) -> str:
    """Return a file's text."""
    return file.read_text(encoding="utf-8")
