"""Check without a cluster that open-source Kubeflow Pipelines accepts and runs a package.

KFP's API server and compiler refuse little when a package is submitted. The driver, the launcher
and Argo have more rules, and a task that breaks one of them fails only when it starts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.kubeflow.compiler.package import SCHEMA_VERSION, Document, Package

# KFP passes a container's specification to its driver as one argument, so Linux's MAX_ARG_STRLEN
# limits it.
_MAX_EXECUTOR_BYTES = 128 << 10
# Argo stores a run as one object and etcd accepts 1.5 MB; KFP's API server limits it to this.
_MAX_PACKAGE_BYTES = 700_000

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PLACEHOLDER = re.compile(r"\{\{\$.*?\}\}")
_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
_OUTPUT = re.compile(r"\{\{\$\.outputs\.artifacts\['([^']+)'\]\.(?:path|uri)\}\}")
_OUTPUT_PARAMETER = re.compile(r"\{\{\$\.outputs\.parameters\['([^']+)'\]\.output_file\}\}")
# The placeholders that every 2.x driver resolves.
_RUNTIME = frozenset({"{{$.pipeline_job_name}}", "{{$.pipeline_job_uuid}}",
    "{{$.pipeline_job_resource_name}}", "{{$.pipeline_task_uuid}}"})  # fmt: skip
_STRUCTURED = re.compile(r'"(Concat|IfPresent)"\s*:')
_RESERVED_OUTPUTS = frozenset({"mlpipeline-ui-metadata", "mlpipeline_ui_metadata"})
_KINDS = frozenset({"STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN", "LIST", "STRUCT"})
_WHEN_ALL_ENDED = "ALL_UPSTREAM_TASKS_COMPLETED"


def find_problems(package: Package) -> list[str]:
    """Return one message with the task's name per rule of KFP that a package breaks.

    Args:
      package: package to check.
    """
    try:
        return [
            *_pipeline_problems(package.pipeline),
            *_platform_problems(package),
            *_size_problems(package),
        ]
    except (KeyError, TypeError, AttributeError) as error:
        return [f"the package is not a valid PipelineSpec: {type(error).__name__} {error}"]


def _pipeline_problems(pipeline: Document) -> Iterator[str]:
    version = pipeline.get("schemaVersion")
    if version != SCHEMA_VERSION:
        yield f"schemaVersion is {version}; KFP accepts only {SCHEMA_VERSION}"
    name = pipeline.get("pipelineInfo", {}).get("name", "")
    if not _NAME.fullmatch(name):
        yield f"pipelineInfo.name {name!r} must consist of lower-case letters, digits and -"
    root = pipeline.get("root", {})
    if "dag" not in root:
        yield "root has no tasks"
        return
    yield from _graph_problems("root", root, pipeline)
    for key, component in pipeline["components"].items():
        if "dag" in component:
            yield from _graph_problems(key, component, pipeline)


def _graph_problems(graph: str, component: Document, pipeline: Document) -> Iterator[str]:
    tasks: Mapping[str, Document] = component["dag"]["tasks"]
    for name, parameter in component.get("inputDefinitions", {}).get("parameters", {}).items():
        if parameter["parameterType"] not in _KINDS:
            yield f"{graph}: parameter {name} has the unknown type {parameter['parameterType']}"
    for name, task in tasks.items():
        yield from _task_problems(name, task, component, pipeline)
    yield from _order_problems(graph, tasks)


def _task_problems(
    name: str, task: Document, parent: Document, pipeline: Document
) -> Iterator[str]:
    node = task.get("taskInfo", {}).get("name", name)
    if not _NAME.fullmatch(name):
        yield f"{node}: the task's name {name!r} must consist of lower-case letters, digits and -"
    reference = task.get("componentRef", {}).get("name")
    component = pipeline["components"].get(reference)
    if component is None:
        yield f"{node}: there is no component {reference}"
        return
    if task.get("triggerPolicy", {}).get("condition"):
        yield f"{node}: a task that waits for a task with a condition may never run"
    yield from _input_problems(node, task, component, parent)
    if "dag" not in component:
        yield from _executor_problems(node, component, pipeline)


def _input_problems(
    node: str, task: Document, component: Document, parent: Document
) -> Iterator[str]:
    inputs = task.get("inputs", {}).get("parameters", {})
    definitions = component.get("inputDefinitions", {}).get("parameters", {})
    for name in sorted(definitions.keys() - inputs.keys()):
        if not definitions[name].get("isOptional"):
            yield f"{node}: its parameter {name} has no value"
    for name in sorted(inputs.keys() - definitions.keys()):
        yield f"{node}: it has no parameter {name}"
    parent_definitions = parent.get("inputDefinitions", {}).get("parameters", {})
    for name, value in inputs.items():
        if "componentInputParameter" in value:
            if value["componentInputParameter"] not in parent_definitions:
                yield f"{node}: there is no pipeline parameter {value['componentInputParameter']}"
        elif "taskOutputParameter" in value:
            producer = value["taskOutputParameter"]["producerTask"]
            if producer not in parent["dag"]["tasks"]:
                yield f"{node}: {name} comes from {producer}, which is not a task of the same graph"
        else:
            constant = value["runtimeValue"]["constant"]
            placeholders = _PLACEHOLDER.findall(constant) if isinstance(constant, str) else []
            if placeholders and constant not in _RUNTIME:
                yield (
                    f"{node}: {name} is {constant!r}; a placeholder must be the whole value, "
                    f"and one of {', '.join(sorted(_RUNTIME))}"
                )


def _executor_problems(node: str, component: Document, pipeline: Document) -> Iterator[str]:
    label = component.get("executorLabel")
    executor = pipeline["deploymentSpec"]["executors"].get(label)
    if executor is None:
        yield f"{node}: there is no executor {label}"
        return
    if executor.keys() != {"container"}:
        kinds = ", ".join(sorted(executor)) or "nothing"
        yield f"{node}: its executor is of kind {kinds}; open-source KFP runs only containers"
        return
    container = executor["container"]
    if not container.get("image"):
        yield f"{node}: its container has no image"
    if "lifecycle" in container:
        yield f"{node}: open-source KFP never runs a preCacheCheck"
    if not container.get("command"):
        yield f"{node}: its container has no command; KFP's launcher requires one"
    outputs = component.get("outputDefinitions", {})
    for name in outputs.get("artifacts", {}):
        if name in _RESERVED_OUTPUTS:
            yield f"{node}: the output name {name} is reserved for KFP's first version"
    inputs = component.get("inputDefinitions", {}).get("parameters", {})
    for arg in [*container.get("command", ()), *container.get("args", ())]:
        yield from _arg_problems(node, arg, inputs, outputs)
    size = len(json.dumps(container).encode())
    if size > _MAX_EXECUTOR_BYTES:
        yield (
            f"{node}: its container has {size:,} bytes; an argument has at most "
            f"{_MAX_EXECUTOR_BYTES:,}"
        )


def _arg_problems(node: str, arg: Any, inputs: Document, outputs: Document) -> Iterator[str]:
    if not isinstance(arg, str):
        yield f"{node}: the argument {arg!r} is not a string"
        return
    if _STRUCTURED.search(arg):
        yield f"{node}: open-source KFP does not evaluate Concat and IfPresent placeholders"
    for placeholder in _PLACEHOLDER.findall(arg):
        candidates = (
            (_INPUT.fullmatch(placeholder), inputs),
            (_OUTPUT.fullmatch(placeholder), outputs.get("artifacts", {})),
            (_OUTPUT_PARAMETER.fullmatch(placeholder), outputs.get("parameters", {})),
        )
        matches = [(match[1], names) for match, names in candidates if match]
        if not matches:
            yield f"{node}: KFP's launcher does not support the placeholder {placeholder}"
        elif matches[0][0] not in matches[0][1]:
            yield f"{node}: the placeholder {placeholder} is not an input or output of this task"
    if "{{" in _PLACEHOLDER.sub("", arg):
        yield f"{node}: Argo would read the argument {arg[:40]!r} as a template"


def _order_problems(graph: str, tasks: Mapping[str, Document]) -> Iterator[str]:
    before = {name: set(task.get("dependentTasks", ())) for name, task in tasks.items()}
    ending = {
        name
        for name, task in tasks.items()
        if task.get("triggerPolicy", {}).get("strategy") == _WHEN_ALL_ENDED
    }
    for name, needed in before.items():
        for missing in sorted(needed - tasks.keys()):
            yield f"{name}: it waits for {missing}, which is not a task of {graph}"
        for late in sorted(needed & ending):
            yield f"{name}: it waits for {late}, which runs only when all other tasks have ended"
    for name in ending:
        if len(before[name]) != 1:
            yield f"{name}: a task that runs last must wait for 1 task, not {len(before[name])}"
    if tasks.keys() == ending:
        yield f"{graph}: every task is one that runs last"
    waiting = {name: needed & tasks.keys() for name, needed in before.items()}
    while ready := {name for name, needed in waiting.items() if not needed & waiting.keys()}:
        for name in ready:
            del waiting[name]
    if waiting:
        yield f"{graph}: {', '.join(sorted(waiting))} wait for each other"


def _platform_problems(package: Package) -> Iterator[str]:
    executors = package.pipeline["deploymentSpec"]["executors"]
    pods = package.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for label, pod in pods.items():
        if label not in executors:
            yield f"{label}: the platform document names an executor that does not exist"
        for mount in pod.get("pvcMount", ()):
            if not str(mount.get("mountPath", "")).startswith("/"):
                yield f"{label}: the path of volume {mount.get('constant')} is not absolute"
        for secret in pod.get("secretAsEnv", ()):
            if not secret.get("secretName") or not all(
                entry.get("secretKey") for entry in secret["keyToEnv"]
            ):
                yield f"{label}: an environment variable must name a Secret and a key (secret/key)"


def _size_problems(package: Package) -> Iterator[str]:
    size = len(json.dumps([package.pipeline, package.platform]).encode())
    if size > _MAX_PACKAGE_BYTES:
        yield f"the package has {size:,} bytes; a run has at most {_MAX_PACKAGE_BYTES:,}"
