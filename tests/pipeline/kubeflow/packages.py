"""The package of the flights pipeline, and the same package in a readable form.

`python -m tests.pipeline.kubeflow.packages` writes the package that the tests expect.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import text_format

from pipeline.kubeflow import encoding
from pipeline.kubeflow.compiler.package import Package
from pipeline.settings import loading
from pipeline.settings.kubeflow import KubeflowSettings, TaskSettings, Toleration
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings

os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")

PROJECT = Path(__file__).parents[3]
EXPECTED = Path(__file__).with_name("flights.yaml")

TEAM_SETTINGS = KubeflowSettings(
    image="registry.example/taxiway:1",
    metadata_secret="taxiway-metadata",
    metadata_tls_secret="taxiway-metadata-tls",
    env_secrets={"HTTPS_PROXY": "proxy/address"},
    image_pull_secret="registry",
    labels={"team": "flights"},
    volumes={"/data": "rides"},
    node_selector={"pool": "pipelines"},
    tolerations=(Toleration(key="spot", operator="Exists", effect="NoExecute", seconds=60),),
    components={
        "Trainer": TaskSettings(
            image="registry.example/taxiway-gpu:1", cpu=4, cpu_limit=8, memory_gb=16, gpus=1,
            retries=0, timeout_seconds=7200, node_selector={"pool": "gpu"},
            tolerations=(Toleration(key="gpu", value="yes", effect="NoSchedule"),),
        ),
        "Evaluator": TaskSettings(memory_limit_gb=4),
    },
)  # fmt: skip

TEAM_DATABASE = MetadataSettings(
    host="mysql.pipelines", database="taxiway_flights", ssl_cert=Path("client.pem")
)


def plain(kubeflow: KubeflowSettings = TEAM_SETTINGS, **more: Any) -> Settings:
    """Return the project's settings with a section on Kubeflow."""
    settings = loading.load_plain(PROJECT / loading.DEFAULT_FILE)
    return settings.model_copy(update={"kubeflow": kubeflow} | more)


def compiled(kubeflow: KubeflowSettings = TEAM_SETTINGS, **more: Any) -> Package:
    """Return the package of the project's settings with a section on Kubeflow."""
    from pipeline.kubeflow.compiler.compile import compile_package

    settings = plain(kubeflow, **more)
    return compile_package(loading.absolute(settings, PROJECT), settings)


class _Readable(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Readable.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def readable(package: Package) -> str:
    """Return a package with decoded arguments, so that a reviewer can read its changes."""
    pipeline = json.loads(json.dumps(package.pipeline))
    written: set[str] = set()
    for executor in pipeline["deploymentSpec"]["executors"].values():
        args = _decoded(executor["container"]["args"])
        # All tasks have the same settings, so later copies are left out.
        executor["container"]["args"] = ["as above" if arg in written else arg for arg in args]
        written.update(arg for arg in args if "\n" in arg)
    documents = [pipeline, package.platform]
    return yaml.dump_all(
        documents, Dumper=_Readable, sort_keys=True, width=2**31, allow_unicode=True
    )


def _decoded(args: list[str]) -> list[str]:
    decoded = list(args)
    for index, arg in enumerate(args):
        if arg in ("--settings", "--graph"):
            decoded[index + 1] = json.dumps(
                json.loads(encoding.decode(args[index + 1])), indent=1, sort_keys=True
            )
        elif arg == "--ir":
            decoded[index + 2] = _node_spec(args[index + 2])
    return decoded


def _node_spec(text: str) -> str:
    from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

    assert executable_spec_pb2.DESCRIPTOR, "importing it registers the types of the deployment"
    ir = pipeline_pb2.Pipeline.FromString(encoding.decode(text))
    return text_format.MessageToString(ir)


if __name__ == "__main__":
    EXPECTED.write_text(readable(compiled()), encoding="utf-8")
