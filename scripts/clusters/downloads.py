"""What clusters are made of, downloaded once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent
_UV = _FOLDER.parents[1] / ".uv" / "bin" / "uv"
_MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
_OPERATOR = "org/apache/flink/flink-kubernetes-operator-api/1.10.0"
_OPERATOR_JAR = "flink-kubernetes-operator-api-1.10.0.jar"
_OPERATOR_SHA256 = "b1f44814e17514fa8395c61b329a3ee9087123a5bda5b21fe1a495d5182c30b6"


class Unavailable(Exception):
    """Something that a cluster is made of cannot be had on this machine; says what."""


def flink() -> Path:
    """Return the folder of Flink's jars, from its package in PyPI.

    Raises:
      Unavailable: Java or uv is not there, or the package index cannot be reached.
    """
    return _package("flink") / "pyflink"


def spark() -> Path:
    """Return Spark's home, from its package in PyPI.

    Raises:
      Unavailable: Java or uv is not there, or the package index cannot be reached.
    """
    return _package("spark") / "pyspark"


def job_server(cluster: str) -> Path:
    """Return Beam's jar that hands jobs to a cluster, made by Maven.

    Args:
      cluster: flink or spark.

    Raises:
      Unavailable: Maven is not there, or Maven Central cannot be reached.
    """
    if shutil.which("mvn") is None:
        raise Unavailable("Beam's job server is made by Maven, which is not there")
    recipe = _FOLDER / "pom.xml"

    def make(folder: Path) -> None:
        done = subprocess.run(
            ["mvn", "--batch-mode", "--quiet", "--file", recipe, f"-P{cluster}",
             f"-Dfolder={folder}", "package"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "Could not transfer" in done.stdout or "Could not find artifact" in done.stdout:
            raise Unavailable("Maven Central cannot be reached, or lacks what is in pom.xml")
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    made = _cached(f"{cluster}-job-server", recipe.read_bytes(), make)
    return made / "job-server-1.jar"


def _package(name: str) -> Path:
    if shutil.which("java") is None:
        raise Unavailable(f"{name.capitalize()} needs Java, which is not there")
    lock = _FOLDER / f"{name}.lock"

    def make(folder: Path) -> None:
        if not _UV.exists():
            raise Unavailable("uv, which the project's set-up brings, is not there")
        done = subprocess.run(
            [_UV, "--quiet", "pip", "install", "--python", sys.executable, "--no-deps",
             "--target", folder, "--require-hashes", "--requirement", lock],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "error sending request" in done.stderr:
            raise Unavailable("the package index cannot be reached")
        if done.returncode:
            raise RuntimeError(done.stderr)

    return _cached(name, lock.read_bytes(), make)


def operator_schema() -> dict[str, Any]:
    """Return the CustomResourceDefinition of the Flink Kubernetes operator's FlinkDeployment.

    Raises:
      Unavailable: Maven Central cannot be reached.
    """

    def make(folder: Path) -> None:
        url = f"{_MAVEN_CENTRAL}/{_OPERATOR}/{_OPERATOR_JAR}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                content = answer.read()
        except OSError as error:
            raise Unavailable(f"Maven Central cannot be reached: {error}") from error
        if hashlib.sha256(content).hexdigest() != _OPERATOR_SHA256:
            raise RuntimeError(f"{url} is not the file that it was")
        (folder / _OPERATOR_JAR).write_bytes(content)

    jar = _cached("flink-operator", _OPERATOR_SHA256.encode(), make) / _OPERATOR_JAR
    with zipfile.ZipFile(jar) as opened:
        text = opened.read("META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml")
    return dict(yaml.safe_load(text))


def _cached(name: str, recipe: bytes, make: Callable[[Path], None]) -> Path:
    """Return a folder that is made once, until its recipe changes."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taxiway"
    folder = cache / f"{name}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    if not folder.exists():
        unfinished = cache / f"{folder.name}-{os.getpid()}"
        unfinished.mkdir(parents=True)
        try:
            make(unfinished)
            try:
                unfinished.replace(folder)
            except OSError:
                if not folder.exists():  # else another process was quicker
                    raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder
