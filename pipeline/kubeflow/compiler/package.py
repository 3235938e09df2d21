"""A Kubeflow Pipelines v2 package, as plain dictionaries and as YAML.

Written without KFP's SDK: its compiler wants a Python signature for each component, and its last
version for protobuf 3 pulls other packages down. What KFP refuses is looked for in `check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import yaml

from pipeline.kubeflow import names
from pipeline.kubeflow.compiler.resources import Resources
from pipeline.settings.kubeflow import KubeflowSettings, Toleration
from pipeline.settings.metadata import MetadataSettings

SCHEMA_VERSION = "2.1.0"

_COMMAND = ["python", "-m", "pipeline.kubeflow.container.node"]
_INNER = "pipeline"
_RUN_ID = "{{$.pipeline_job_uuid}}"
_TLS_FOLDER = "/etc/taxiway/metadata"
_BACKOFF = {"backoffDuration": "10s", "backoffFactor": 2.0, "backoffMaxDuration": "300s"}

Document = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    """What somebody who starts a run may choose.

    Args:
      kind: KFP's type.
      default: when nothing is chosen.
      description: for the form of KFP's user interface.
    """

    kind: str
    default: Any
    description: str


@dataclass(frozen=True)
class Task:
    """A node as a container.

    Args:
      node: its id.
      after: nodes that it waits for.
      words: arguments besides the node's name, the run and the report.
      resources: what it asks for.
      takes_parameters: it is given all that the run's starter chose.
    """

    node: str
    after: Sequence[str]
    words: Sequence[str]
    resources: Resources
    takes_parameters: bool = False


@dataclass(frozen=True)
class Package:
    """The two documents of a package.

    Args:
      pipeline: KFP's PipelineSpec.
      platform: KFP's PlatformSpec, for Kubernetes.
    """

    pipeline: Document
    platform: Document

    def to_yaml(self) -> str:
        """Return the package as a file; equal packages are equal texts."""
        inputs = self.pipeline["root"]["inputDefinitions"]["parameters"]
        head = [f"# Pipeline: {self.pipeline['pipelineInfo']['name']}", "# Parameters:"]
        head += [f"#   {name}: {each['description']}" for name, each in sorted(inputs.items())]
        documents = [_dumped(self.pipeline), _dumped(self.platform)]
        return "\n".join(head) + "\n" + "---\n".join(documents)


def load(text: str) -> Package:
    """Read a package.

    Raises:
      ValueError: it is not two YAML documents.
    """
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    if len(documents) != 2 or not all(isinstance(each, dict) for each in documents):
        raise ValueError("not a package: two YAML documents were expected")
    return Package(*documents)


def build(
    name: str,
    tasks: Sequence[Task],
    last: Task,
    parameters: Mapping[str, Parameter],
    settings: KubeflowSettings,
    database: MetadataSettings,
) -> Package:
    """Put tasks together.

    Args:
      name: of the pipeline.
      tasks: of the graph.
      last: runs when all of them have ended, in whatever way.
      parameters: of a run.
      settings: of Kubeflow.
      database: where ML Metadata is kept.

    Returns:
      The package.
    """
    everything = [*tasks, last]
    definitions = {key: _definition(each) for key, each in parameters.items()}
    inner = {"inputDefinitions": {"parameters": _bare(definitions)}}
    inner["dag"] = {
        "tasks": {names.of_task(task.node): _task(task, parameters, inner=True) for task in tasks}
    }
    root_tasks = {
        _INNER: {
            "componentRef": {"name": f"comp-{_INNER}"},
            "inputs": {"parameters": {key: {"componentInputParameter": key} for key in parameters}},
            "taskInfo": {"name": name},
        },
        names.of_task(last.node): _task(last, parameters, inner=False)
        | {
            "dependentTasks": [_INNER],
            "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
        },
    }
    pipeline = {
        "schemaVersion": SCHEMA_VERSION,
        "sdkVersion": f"taxiway-{metadata.version('taxiway')}",
        "pipelineInfo": {"name": name.replace("_", "-")},
        "root": {
            "inputDefinitions": {"parameters": definitions},
            "dag": {"tasks": root_tasks},
        },
        "components": {
            f"comp-{_INNER}": inner,
            **{
                f"comp-{names.of_task(task.node)}": _component(task, definitions)
                for task in everything
            },
        },
        "deploymentSpec": {
            "executors": {
                _executor(task): {"container": _container(task, parameters, settings, database)}
                for task in everything
            }
        },
    }
    on_kubernetes = {_executor(task): _pod(name, task, settings) for task in everything}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": on_kubernetes}}}}
    return Package(pipeline, platform)


def _executor(task: Task) -> str:
    return f"exec-{names.of_task(task.node)}"


def _definition(parameter: Parameter) -> Document:
    return {
        "parameterType": parameter.kind,
        "defaultValue": parameter.default,
        "isOptional": True,
        "description": parameter.description,
    }


def _bare(definitions: Mapping[str, Document]) -> Document:
    """Return definitions of what is always given."""
    return {key: {"parameterType": each["parameterType"]} for key, each in definitions.items()}


def _task(task: Task, parameters: Mapping[str, Parameter], inner: bool) -> Document:
    given: Document = {names.RUN: {"runtimeValue": {"constant": _RUN_ID}}}
    if task.takes_parameters:
        given |= {key: {"componentInputParameter": key} for key in parameters}
    found: Document = {
        # TFX's cache decides, which knows code and data.
        "cachingOptions": {},
        "componentRef": {"name": f"comp-{names.of_task(task.node)}"},
        "inputs": {"parameters": given},
        "taskInfo": {"name": task.node},
    }
    if inner and task.after:
        found["dependentTasks"] = sorted(map(names.of_task, task.after))
    if task.resources.retries:
        found["retryPolicy"] = {"maxRetryCount": task.resources.retries, **_BACKOFF}
    return found


def _component(task: Task, definitions: Mapping[str, Document]) -> Document:
    given: Document = {names.RUN: {"parameterType": "STRING"}}
    if task.takes_parameters:
        given |= _bare(definitions)
    html = {"schemaTitle": "system.HTML", "schemaVersion": "0.0.1"}
    return {
        "executorLabel": _executor(task),
        "inputDefinitions": {"parameters": given},
        "outputDefinitions": {"artifacts": {names.REPORT: {"artifactType": html}}},
    }


def _container(
    task: Task,
    parameters: Mapping[str, Parameter],
    settings: KubeflowSettings,
    database: MetadataSettings,
) -> Document:
    words = ["--node", task.node, "--run", _input(names.RUN), *task.words]
    if task.takes_parameters:
        for key in parameters:
            words += ["--parameter", key, _input(key)]
    words += ["--report", f"{{{{$.outputs.artifacts['{names.REPORT}'].path}}}}"]
    asked = task.resources
    resources: Document = {
        "cpuRequest": asked.cpu,
        "memoryRequest": asked.memory_gb,
        "memoryLimit": asked.memory_limit_gb,
    }
    if asked.cpu_limit is not None:
        resources["cpuLimit"] = asked.cpu_limit
    if asked.gpus:
        resources["accelerator"] = {"type": asked.gpu_type, "count": str(asked.gpus)}
    found: Document = {
        "image": asked.image,
        "command": _COMMAND,
        "args": words,
        "resources": resources,
    }
    variables = _variables(settings, database)
    if variables:
        found["env"] = [{"name": key, "value": value} for key, value in sorted(variables.items())]
    return found


def _input(name: str) -> str:
    return f"{{{{$.inputs.parameters['{name}']}}}}"


def _variables(settings: KubeflowSettings, database: MetadataSettings) -> dict[str, str]:
    """Return how ML Metadata is reached, but for the password."""
    if database.host is None:
        return {}
    found = {
        names.HOST: database.host,
        names.PORT: str(database.port),
        names.DATABASE: database.database,
        names.USER: database.user,
    }
    if settings.metadata_tls_secret is not None:
        found[names.SSL_CA] = f"{_TLS_FOLDER}/ca.crt"
        if database.ssl_cert is not None:
            found[names.SSL_CERT] = f"{_TLS_FOLDER}/tls.crt"
            found[names.SSL_KEY] = f"{_TLS_FOLDER}/tls.key"
    return found


def _pod(name: str, task: Task, settings: KubeflowSettings) -> Document:
    asked = task.resources
    labels = {
        "app.kubernetes.io/name": "taxiway",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": names.of_task(task.node),
    }
    found: Document = {
        "activeDeadlineSeconds": str(asked.timeout_seconds),
        "podMetadata": {"labels": labels | settings.labels},
    }
    mounts = dict(settings.volumes)
    if settings.volume_claim is not None:
        mounts[str(settings.workspace)] = settings.volume_claim
    if mounts:
        found["pvcMount"] = [
            {"constant": claim, "mountPath": folder} for folder, claim in sorted(mounts.items())
        ]
    secrets = dict(settings.env_secrets)
    if settings.metadata_secret is not None:
        secrets[names.PASSWORD] = f"{settings.metadata_secret}/password"
    if secrets:
        found["secretAsEnv"] = [
            {"secretName": secret, "keyToEnv": [{"secretKey": key, "envVar": variable}]}
            for variable, (secret, _, key) in sorted(
                (variable, place.partition("/")) for variable, place in secrets.items()
            )
        ]
    if settings.metadata_tls_secret is not None:
        found["secretAsVolume"] = [
            {"secretName": settings.metadata_tls_secret, "mountPath": _TLS_FOLDER}
        ]
    if settings.image_pull_secret is not None:
        found["imagePullSecret"] = [{"secretName": settings.image_pull_secret}]
    if asked.node_selector:
        found["nodeSelector"] = {"labels": asked.node_selector}
    if asked.tolerations:
        found["tolerations"] = [_toleration(each) for each in asked.tolerations]
    return found


def _toleration(toleration: Toleration) -> Document:
    found: Document = toleration.model_dump(exclude_none=True)
    if "seconds" in found:
        found["tolerationSeconds"] = str(found.pop("seconds"))
    return found


class _Dumper(yaml.SafeDumper):
    """Write each list and dictionary out, also one that stands in several places."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dumped(document: Document) -> str:
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=True, default_flow_style=False, width=2**31,
        allow_unicode=True,
    )  # fmt: skip
