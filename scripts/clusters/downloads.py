"""Download the packages of clusters once, and keep them in the user's cache."""

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
    """A package that a cluster needs is not available on this machine."""


def flink() -> Path:
    """Return the folder of Flink's jars, from its package in PyPI.

    Raises:
      Unavailable: Java or uv is missing, or the package index cannot be reached.
    """
    return _package("flink") / "pyflink"


def spark() -> Path:
    """Return Spark's home, from its package in PyPI.

    Raises:
      Unavailable: Java or uv is missing, or the package index cannot be reached.
    """
    return _package("spark") / "pyspark"


def job_server(cluster: str) -> Path:
    """Return the path of Beam's job server for a cluster, built by Maven.

    Args:
      cluster: kind of the cluster: `flink` or `spark`.

    Raises:
      Unavailable: Maven is missing, or Maven Central cannot be reached.
    """
    if shutil.which("mvn") is None:
        raise Unavailable("Maven, which builds Beam's job server, is not installed")
    recipe = _FOLDER / "pom.xml"

    def build(folder: Path) -> None:
        done = subprocess.run(
            ["mvn", "--batch-mode", "--quiet", "--file", recipe, f"-P{cluster}",
             f"-Dfolder={folder}", "package"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "Could not transfer" in done.stdout or "Could not find artifact" in done.stdout:
            raise Unavailable(
                "Maven Central cannot be reached, or does not have a package of pom.xml"
            )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    built = _cached(f"{cluster}-job-server", recipe.read_bytes(), build)
    return built / "job-server-1.jar"


def _package(name: str) -> Path:
    if shutil.which("java") is None:
        raise Unavailable(f"Java, which {name.capitalize()} needs, is not installed")
    lock = _FOLDER / f"{name}.lock"

    def build(folder: Path) -> None:
        if not _UV.exists():
            raise Unavailable("uv, which the project's set-up installs, is missing")
        done = subprocess.run(
            [_UV, "--quiet", "pip", "install", "--python", sys.executable, "--no-deps",
             "--target", folder, "--require-hashes", "--requirement", lock],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "error sending request" in done.stderr:
            raise Unavailable("the package index cannot be reached")
        if done.returncode:
            raise RuntimeError(done.stderr)

    return _cached(name, lock.read_bytes(), build)


def operator_schema() -> dict[str, Any]:
    """Return the CustomResourceDefinition of the Flink Kubernetes operator's FlinkDeployment.

    Raises:
      Unavailable: Maven Central cannot be reached.
    """

    def build(folder: Path) -> None:
        url = f"{_MAVEN_CENTRAL}/{_OPERATOR}/{_OPERATOR_JAR}"
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                content = response.read()
        except OSError as error:
            raise Unavailable(f"Maven Central cannot be reached: {error}") from error
        if hashlib.sha256(content).hexdigest() != _OPERATOR_SHA256:
            raise RuntimeError(f"expected SHA-256 {_OPERATOR_SHA256} of {url}, got another")
        (folder / _OPERATOR_JAR).write_bytes(content)

    jar = _cached("flink-operator", _OPERATOR_SHA256.encode(), build) / _OPERATOR_JAR
    with zipfile.ZipFile(jar) as archive:
        text = archive.read("META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml")
    return dict(yaml.safe_load(text))


def _cached(name: str, recipe: bytes, build: Callable[[Path], None]) -> Path:
    """Return a cached folder; it is built again only if its recipe changes."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taxiway"
    folder = cache / f"{name}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    if not folder.exists():
        unfinished = cache / f"{folder.name}-{os.getpid()}"
        unfinished.mkdir(parents=True)
        try:
            build(unfinished)
            try:
                unfinished.replace(folder)
            except OSError:
                if not folder.exists():  # otherwise another process was faster
                    raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder
