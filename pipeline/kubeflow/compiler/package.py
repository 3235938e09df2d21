"""Build a Kubeflow Pipelines v2 package as plain dictionaries and as YAML.

KFP's SDK is not used because its compiler requires a Python signature for every component, and its
last version for protobuf 3 requires older versions of other packages. `check` verifies the result.
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
    """A parameter of a run.

    Args:
      kind: KFP's type, such as STRING.
      default: value of a run that sets none.
      description: text for the form of KFP's user interface.
    """

    kind: str
    default: Any
    description: str


@dataclass(frozen=True)
class Task:
    """A node as a container.

    Args:
      node: id of the node.
      after: ids of the nodes that the task waits for.
      args: arguments of the container, except the node's id, the run and the report.
      resources: resources that the task requests.
      takes_parameters: whether the task receives the run's parameters; default False.
    """

    node: str
    after: Sequence[str]
    args: Sequence[str]
    resources: Resources
    takes_parameters: bool = False


@dataclass(frozen=True)
class Package:
    """The two documents of a package.

    Args:
      pipeline: KFP's PipelineSpec.
      platform: KFP's PlatformSpec for Kubernetes.
    """

    pipeline: Document
    platform: Document

    def to_yaml(self) -> str:
        """Return the package as YAML; equal packages give equal texts."""
        inputs = self.pipeline["root"]["inputDefinitions"]["parameters"]
        head = [f"# Pipeline: {self.pipeline['pipelineInfo']['name']}", "# Parameters:"]
        head += [f"#   {name}: {value['description']}" for name, value in sorted(inputs.items())]
        documents = [_dump(self.pipeline), _dump(self.platform)]
        return "\n".join(head) + "\n" + "---\n".join(documents)


def load(text: str) -> Package:
    """Read a package.

    Args:
      text: content of a package file.

    Raises:
      ValueError: the text is not two YAML documents.
    """
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    if len(documents) != 2 or not all(isinstance(document, dict) for document in documents):
        raise ValueError(f"expected two YAML documents, each a mapping; got {len(documents)}")
    return Package(*documents)


def build(
    name: str,
    tasks: Sequence[Task],
    last: Task,
    parameters: Mapping[str, Parameter],
    settings: KubeflowSettings,
    database: MetadataSettings,
) -> Package:
    """Build a package from tasks.

    Args:
      name: name of the pipeline.
      tasks: tasks of the graph.
      last: task that runs when all other tasks have ended, whether they succeeded or not.
      parameters: parameters of a run by name.
      settings: settings of Kubeflow.
      database: how to reach ML Metadata.

    Returns:
      The package.
    """
    all_tasks = [*tasks, last]
    definitions = {key: _definition(parameter) for key, parameter in parameters.items()}
    inner = {"inputDefinitions": {"parameters": _required(definitions)}}
    inner["dag"] = {
        "tasks": {names.task_name(task.node): _task(task, parameters, inner=True) for task in tasks}
    }
    root_tasks = {
        _INNER: {
            "componentRef": {"name": f"comp-{_INNER}"},
            "inputs": {"parameters": {key: {"componentInputParameter": key} for key in parameters}},
            "taskInfo": {"name": name},
        },
        names.task_name(last.node): _task(last, parameters, inner=False)
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
                f"comp-{names.task_name(task.node)}": _component(task, definitions)
                for task in all_tasks
            },
        },
        "deploymentSpec": {
            "executors": {
                _executor(task): {"container": _container(task, parameters, settings, database)}
                for task in all_tasks
            }
        },
    }
    on_kubernetes = {_executor(task): _pod(name, task, settings) for task in all_tasks}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": on_kubernetes}}}}
    return Package(pipeline, platform)


def _executor(task: Task) -> str:
    return f"exec-{names.task_name(task.node)}"


def _definition(parameter: Parameter) -> Document:
    return {
        "parameterType": parameter.kind,
        "defaultValue": parameter.default,
        "isOptional": True,
        "description": parameter.description,
    }


def _required(definitions: Mapping[str, Document]) -> Document:
    """Return the definitions of parameters that the parent always passes."""
    return {
        key: {"parameterType": definition["parameterType"]}
        for key, definition in definitions.items()
    }


def _task(task: Task, parameters: Mapping[str, Parameter], inner: bool) -> Document:
    inputs: Document = {names.RUN: {"runtimeValue": {"constant": _RUN_ID}}}
    if task.takes_parameters:
        inputs |= {key: {"componentInputParameter": key} for key in parameters}
    spec: Document = {
        # KFP's cache does not track code or data, so it is disabled and TFX's cache decides.
        "cachingOptions": {},
        "componentRef": {"name": f"comp-{names.task_name(task.node)}"},
        "inputs": {"parameters": inputs},
        "taskInfo": {"name": task.node},
    }
    if inner and task.after:
        spec["dependentTasks"] = sorted(map(names.task_name, task.after))
    if task.resources.retries:
        spec["retryPolicy"] = {"maxRetryCount": task.resources.retries, **_BACKOFF}
    return spec


def _component(task: Task, definitions: Mapping[str, Document]) -> Document:
    inputs: Document = {names.RUN: {"parameterType": "STRING"}}
    if task.takes_parameters:
        inputs |= _required(definitions)
    html = {"schemaTitle": "system.HTML", "schemaVersion": "0.0.1"}
    return {
        "executorLabel": _executor(task),
        "inputDefinitions": {"parameters": inputs},
        "outputDefinitions": {"artifacts": {names.REPORT: {"artifactType": html}}},
    }


def _container(
    task: Task,
    parameters: Mapping[str, Parameter],
    settings: KubeflowSettings,
    database: MetadataSettings,
) -> Document:
    args = ["--node", task.node, "--run", _input(names.RUN), *task.args]
    if task.takes_parameters:
        for key in parameters:
            args += ["--parameter", key, _input(key)]
    args += ["--report", f"{{{{$.outputs.artifacts['{names.REPORT}'].path}}}}"]
    requested = task.resources
    resources: Document = {
        "cpuRequest": requested.cpu,
        "memoryRequest": requested.memory_gb,
        "memoryLimit": requested.memory_limit_gb,
    }
    if requested.cpu_limit is not None:
        resources["cpuLimit"] = requested.cpu_limit
    if requested.gpus:
        resources["accelerator"] = {"type": requested.gpu_type, "count": str(requested.gpus)}
    container: Document = {
        "image": requested.image,
        "command": _COMMAND,
        "args": args,
        "resources": resources,
    }
    variables = _variables(settings, database)
    if variables:
        container["env"] = [
            {"name": key, "value": value} for key, value in sorted(variables.items())
        ]
    return container


def _input(name: str) -> str:
    return f"{{{{$.inputs.parameters['{name}']}}}}"


def _variables(settings: KubeflowSettings, database: MetadataSettings) -> dict[str, str]:
    """Return environment variables that state how to reach ML Metadata, except the password."""
    if database.host is None:
        return {}
    variables = {
        names.HOST: database.host,
        names.PORT: str(database.port),
        names.DATABASE: database.database,
        names.USER: database.user,
    }
    if settings.metadata_tls_secret is not None:
        variables[names.SSL_CA] = f"{_TLS_FOLDER}/ca.crt"
        if database.ssl_cert is not None:
            variables[names.SSL_CERT] = f"{_TLS_FOLDER}/tls.crt"
            variables[names.SSL_KEY] = f"{_TLS_FOLDER}/tls.key"
    return variables


def _pod(name: str, task: Task, settings: KubeflowSettings) -> Document:
    requested = task.resources
    labels = {
        "app.kubernetes.io/name": "taxiway",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": names.task_name(task.node),
    }
    pod: Document = {
        "activeDeadlineSeconds": str(requested.timeout_seconds),
        "podMetadata": {"labels": labels | settings.labels},
    }
    mounts = dict(settings.volumes)
    if settings.volume_claim is not None:
        mounts[str(settings.workspace)] = settings.volume_claim
    if mounts:
        pod["pvcMount"] = [
            {"constant": claim, "mountPath": folder} for folder, claim in sorted(mounts.items())
        ]
    secrets = dict(settings.env_secrets)
    if settings.metadata_secret is not None:
        secrets[names.PASSWORD] = f"{settings.metadata_secret}/password"
    if secrets:
        pod["secretAsEnv"] = [
            {"secretName": secret, "keyToEnv": [{"secretKey": key, "envVar": variable}]}
            for variable, (secret, _, key) in sorted(
                (variable, source.partition("/")) for variable, source in secrets.items()
            )
        ]
    if settings.metadata_tls_secret is not None:
        pod["secretAsVolume"] = [
            {"secretName": settings.metadata_tls_secret, "mountPath": _TLS_FOLDER}
        ]
    if settings.image_pull_secret is not None:
        pod["imagePullSecret"] = [{"secretName": settings.image_pull_secret}]
    if requested.node_selector:
        pod["nodeSelector"] = {"labels": requested.node_selector}
    if requested.tolerations:
        pod["tolerations"] = [_toleration(toleration) for toleration in requested.tolerations]
    return pod


def _toleration(toleration: Toleration) -> Document:
    document: Document = toleration.model_dump(exclude_none=True)
    if "seconds" in document:
        document["tolerationSeconds"] = str(document.pop("seconds"))
    return document


class _Dumper(yaml.SafeDumper):
    """Write every list and dictionary in full, without anchors and aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(document: Document) -> str:
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=True, default_flow_style=False, width=2**31,
        allow_unicode=True,
    )  # fmt: skip
