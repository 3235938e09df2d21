"""What open-source Kubeflow Pipelines would refuse, or accept and not run, found without a cluster.

Its API server and compiler refuse little when a package is submitted. The driver, the launcher and
Argo have rules of their own, and what breaks them fails only when the task's turn comes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.kubeflow.compiler.package import SCHEMA_VERSION, Document, Package

# A container's specification is one argument of the driver's process: MAX_ARG_STRLEN of Linux.
_MAX_EXECUTOR_BYTES = 128 << 10
# Argo keeps a run as one object, of which etcd takes 1.5 MB; the server's own limit is this.
_MAX_PACKAGE_BYTES = 700_000

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PLACEHOLDER = re.compile(r"\{\{\$.*?\}\}")
_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
_OUTPUT = re.compile(r"\{\{\$\.outputs\.artifacts\['([^']+)'\]\.(?:path|uri)\}\}")
_OUTPUT_PARAMETER = re.compile(r"\{\{\$\.outputs\.parameters\['([^']+)'\]\.output_file\}\}")
# Those that every 2.x driver resolves.
_RUNTIME = frozenset({"{{$.pipeline_job_name}}", "{{$.pipeline_job_uuid}}",
    "{{$.pipeline_job_resource_name}}", "{{$.pipeline_task_uuid}}"})  # fmt: skip
_STRUCTURED = re.compile(r'"(Concat|IfPresent)"\s*:')
_RESERVED_OUTPUTS = frozenset({"mlpipeline-ui-metadata", "mlpipeline_ui_metadata"})
_KINDS = frozenset({"STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN", "LIST", "STRUCT"})
_WHEN_ALL_ENDED = "ALL_UPSTREAM_TASKS_COMPLETED"


def problems(package: Package) -> list[str]:
    """Return what KFP would refuse, each with the task that it concerns; nothing when all is well.

    Args:
      package: that may be submitted.
    """
    try:
        return [*_of_pipeline(package.pipeline), *_of_platform(package), *_of_size(package)]
    except (KeyError, TypeError, AttributeError) as error:
        return [f"the package is not formed as a PipelineSpec: {type(error).__name__} {error}"]


def _of_pipeline(pipeline: Document) -> Iterator[str]:
    version = pipeline.get("schemaVersion")
    if version != SCHEMA_VERSION:
        yield f"schemaVersion is {version}, KFP takes {SCHEMA_VERSION} only"
    name = pipeline.get("pipelineInfo", {}).get("name", "")
    if not _NAME.fullmatch(name):
        yield f"pipelineInfo.name {name!r} is not of small letters, digits and -"
    root = pipeline.get("root", {})
    if "dag" not in root:
        yield "root has no tasks"
        return
    yield from _of_graph("root", root, pipeline)
    for key, component in pipeline["components"].items():
        if "dag" in component:
            yield from _of_graph(key, component, pipeline)


def _of_graph(where: str, component: Document, pipeline: Document) -> Iterator[str]:
    tasks: Mapping[str, Document] = component["dag"]["tasks"]
    for name, parameter in component.get("inputDefinitions", {}).get("parameters", {}).items():
        if parameter["parameterType"] not in _KINDS:
            yield f"{where}: parameter {name} has the unknown type {parameter['parameterType']}"
    for name, task in tasks.items():
        yield from _of_task(name, task, component, pipeline)
    yield from _of_order(where, tasks)


def _of_task(name: str, task: Document, parent: Document, pipeline: Document) -> Iterator[str]:
    node = task.get("taskInfo", {}).get("name", name)
    if not _NAME.fullmatch(name):
        yield f"{node}: the task's name {name!r} is not of small letters, digits and -"
    reference = task.get("componentRef", {}).get("name")
    component = pipeline["components"].get(reference)
    if component is None:
        yield f"{node}: there is no component {reference}"
        return
    if task.get("triggerPolicy", {}).get("condition"):
        yield f"{node}: what waits for a task that a condition leaves out would never run"
    yield from _of_inputs(node, task, component, parent)
    if "dag" not in component:
        yield from _of_executor(node, component, pipeline)


def _of_inputs(node: str, task: Document, component: Document, parent: Document) -> Iterator[str]:
    given = task.get("inputs", {}).get("parameters", {})
    wanted = component.get("inputDefinitions", {}).get("parameters", {})
    for name in sorted(wanted.keys() - given.keys()):
        if not wanted[name].get("isOptional"):
            yield f"{node}: nothing is given for its parameter {name}"
    for name in sorted(given.keys() - wanted.keys()):
        yield f"{node}: it has no parameter {name}"
    known = parent.get("inputDefinitions", {}).get("parameters", {})
    for name, value in given.items():
        if "componentInputParameter" in value:
            if value["componentInputParameter"] not in known:
                yield f"{node}: there is no pipeline parameter {value['componentInputParameter']}"
        elif "taskOutputParameter" in value:
            producer = value["taskOutputParameter"]["producerTask"]
            if producer not in parent["dag"]["tasks"]:
                yield f"{node}: {name} comes from {producer}, which is no task beside it"
        else:
            constant = value["runtimeValue"]["constant"]
            found = _PLACEHOLDER.findall(constant) if isinstance(constant, str) else []
            if found and constant not in _RUNTIME:
                yield (
                    f"{node}: {name} is {constant!r}; a placeholder must be the whole value, "
                    f"and one of {', '.join(sorted(_RUNTIME))}"
                )


def _of_executor(node: str, component: Document, pipeline: Document) -> Iterator[str]:
    label = component.get("executorLabel")
    executor = pipeline["deploymentSpec"]["executors"].get(label)
    if executor is None:
        yield f"{node}: there is no executor {label}"
        return
    if executor.keys() != {"container"}:
        kinds = ", ".join(sorted(executor)) or "nothing"
        yield f"{node}: its executor is of kind {kinds}; open-source KFP runs containers only"
        return
    container = executor["container"]
    if not container.get("image"):
        yield f"{node}: its container has no image"
    if "lifecycle" in container:
        yield f"{node}: open-source KFP never runs a preCacheCheck"
    if not container.get("command"):
        yield f"{node}: its container has no command; KFP's launcher needs one"
    outputs = component.get("outputDefinitions", {})
    for name in outputs.get("artifacts", {}):
        if name in _RESERVED_OUTPUTS:
            yield f"{node}: the output name {name} belongs to KFP's first version"
    inputs = component.get("inputDefinitions", {}).get("parameters", {})
    for word in [*container.get("command", ()), *container.get("args", ())]:
        yield from _of_word(node, word, inputs, outputs)
    size = len(json.dumps(container).encode())
    if size > _MAX_EXECUTOR_BYTES:
        yield (
            f"{node}: its container takes {size:,} bytes, at most {_MAX_EXECUTOR_BYTES:,} fit into "
            "an argument"
        )


def _of_word(node: str, word: Any, inputs: Document, outputs: Document) -> Iterator[str]:
    if not isinstance(word, str):
        yield f"{node}: the argument {word!r} is no text"
        return
    if _STRUCTURED.search(word):
        yield f"{node}: open-source KFP does not evaluate Concat and IfPresent placeholders"
    for found in _PLACEHOLDER.findall(word):
        known = (
            (_INPUT.fullmatch(found), inputs),
            (_OUTPUT.fullmatch(found), outputs.get("artifacts", {})),
            (_OUTPUT_PARAMETER.fullmatch(found), outputs.get("parameters", {})),
        )
        matches = [(match[1], names) for match, names in known if match]
        if not matches:
            yield f"{node}: KFP's launcher does not know the placeholder {found}"
        elif matches[0][0] not in matches[0][1]:
            yield f"{node}: the placeholder {found} names nothing of this task"
    if "{{" in _PLACEHOLDER.sub("", word):
        yield f"{node}: Argo would take the argument {word[:40]!r} for a template"


def _of_order(where: str, tasks: Mapping[str, Document]) -> Iterator[str]:
    before = {name: set(task.get("dependentTasks", ())) for name, task in tasks.items()}
    ending = {
        name
        for name, task in tasks.items()
        if task.get("triggerPolicy", {}).get("strategy") == _WHEN_ALL_ENDED
    }
    for name, needed in before.items():
        for missing in sorted(needed - tasks.keys()):
            yield f"{name}: it waits for {missing}, which is no task of {where}"
        for late in sorted(needed & ending):
            yield f"{name}: it waits for {late}, which runs only when all else has ended"
    for name in ending:
        if len(before[name]) != 1:
            yield f"{name}: what runs at the end waits for one task, not {len(before[name])}"
    if tasks.keys() == ending:
        yield f"{where}: there is no task but those that run at the end"
    waiting = {name: needed & tasks.keys() for name, needed in before.items()}
    while ready := {name for name, needed in waiting.items() if not needed & waiting.keys()}:
        for name in ready:
            del waiting[name]
    if waiting:
        yield f"{where}: {', '.join(sorted(waiting))} wait for each other"


def _of_platform(package: Package) -> Iterator[str]:
    executors = package.pipeline["deploymentSpec"]["executors"]
    pods = package.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for label, pod in pods.items():
        if label not in executors:
            yield f"{label}: the platform's document names an executor that does not exist"
        for mount in pod.get("pvcMount", ()):
            if not str(mount.get("mountPath", "")).startswith("/"):
                yield f"{label}: volume {mount.get('constant')} is mounted at no absolute path"
        for secret in pod.get("secretAsEnv", ()):
            if not secret.get("secretName") or not all(
                each.get("secretKey") for each in secret["keyToEnv"]
            ):
                yield f"{label}: an environment variable names no Secret and key (secret/key)"


def _of_size(package: Package) -> Iterator[str]:
    size = len(json.dumps([package.pipeline, package.platform]).encode())
    if size > _MAX_PACKAGE_BYTES:
        yield f"the package takes {size:,} bytes, at most {_MAX_PACKAGE_BYTES:,} fit into a run"
