"""The check reports what open-source KFP would refuse, with the task and the reason."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.kubeflow.compiler import check
from pipeline.kubeflow.compiler.package import Package

Change = Callable[[dict[str, Any], dict[str, Any]], object]


def _inner(pipeline: dict[str, Any]) -> dict[str, Any]:
    return pipeline["components"]["comp-pipeline"]["dag"]["tasks"]


def _executors(pipeline: dict[str, Any]) -> dict[str, Any]:
    return pipeline["deploymentSpec"]["executors"]


def _args(pipeline: dict[str, Any], task: str) -> list[str]:
    return _executors(pipeline)[f"exec-{task}"]["container"]["args"]


def _set_run(pipeline: dict[str, Any], task: str, constant: str) -> None:
    _inner(pipeline)[task]["inputs"]["parameters"]["run"]["runtimeValue"]["constant"] = constant


def test_a_compiled_package_passes(package: Package) -> None:
    assert check.find_problems(package) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a, _: a.update(schemaVersion="2.0.0"),
            "schemaVersion is 2.0.0; KFP accepts only 2.1.0",
        ),
        (lambda a, _: a["pipelineInfo"].update(name="My flight"), "pipelineInfo.name 'My flight'"),
        (lambda a, _: a["root"].pop("dag"), "root has no tasks"),
        (
            lambda a, _: _executors(a)["exec-trainer"].update(resolver={}),
            "Trainer: its executor is of kind container, resolver; open-source KFP runs only",
        ),
        (
            lambda a, _: _executors(a).update({"exec-trainer": {"customJob": {}}}),
            "Trainer: its executor is of kind customJob",
        ),
        (
            lambda a, _: _executors(a)["exec-tuner"]["container"].update(
                lifecycle={"preCacheCheck": {}}
            ),
            "Tuner: open-source KFP never runs a preCacheCheck",
        ),
        (
            lambda a, _: _args(a, "pusher").append('{"Concat": ["a", "b"]}'),
            "Pusher: open-source KFP does not evaluate Concat and IfPresent placeholders",
        ),
        (
            lambda a, _: _args(a, "pusher").append("{{$.inputs.parameters['span']}}"),
            "Pusher: the placeholder {{$.inputs.parameters['span']}} is not an input or output of",
        ),
        (
            lambda a, _: _args(a, "pusher").append("{{$.json_escape[1]}}"),
            "Pusher: KFP's launcher does not support the placeholder {{$.json_escape[1]}}",
        ),
        (
            lambda a, _: _args(a, "pusher").append("{{workflow.name}}"),
            "Pusher: Argo would read the argument '{{workflow.name}}' as a template",
        ),
        (
            lambda a, _: _set_run(a, "transform", "run-{{$.pipeline_job_uuid}}"),
            "Transform: run is 'run-{{$.pipeline_job_uuid}}'; a placeholder must be the whole",
        ),
        (
            lambda a, _: _set_run(a, "transform", "{{$.pipeline_root}}"),
            "Transform: run is '{{$.pipeline_root}}'; a placeholder must be",
        ),
        (
            lambda a, _: _inner(a)["transform"]["inputs"]["parameters"].clear(),
            "Transform: its parameter run has no value",
        ),
        (
            lambda a, _: _inner(a)["transform"]["inputs"]["parameters"].update(
                more={"componentInputParameter": "span"}
            ),
            "Transform: it has no parameter more",
        ),
        (
            lambda a, _: _inner(a)["start"]["inputs"]["parameters"]["span"].update(
                componentInputParameter="spam"
            ),
            "Start: there is no pipeline parameter spam",
        ),
        (
            lambda a, _: _inner(a)["start"]["inputs"]["parameters"].update(
                span={"taskOutputParameter": {"producerTask": "source", "outputParameterKey": "x"}}
            ),
            "Start: span comes from source, which is not a task of the same graph",
        ),
        (
            lambda a, _: _inner(a)["evaluator"]["dependentTasks"].append("resolver"),
            "evaluator: it waits for resolver, which is not a task of comp-pipeline",
        ),
        (
            lambda a, _: _inner(a)["start"].update(dependentTasks=["pusher"]),
            "wait for each other",
        ),
        (
            lambda a, _: a["root"]["dag"]["tasks"]["record"].update(dependentTasks=[]),
            "record: a task that runs last must wait for 1 task, not 0",
        ),
        (
            lambda a, _: _inner(a)["tuner"].update(triggerPolicy={"condition": "true"}),
            "Tuner: a task that waits for a task with a condition may never run",
        ),
        (
            lambda a, _: _inner(a).update({"Data_Gate": _inner(a).pop("data-gate")}),
            "DataGate: the task's name 'Data_Gate' must consist of lower-case letters",
        ),
        (
            lambda a, _: a["components"].pop("comp-pusher"),
            "Pusher: there is no component comp-pusher",
        ),
        (
            lambda a, _: _executors(a).pop("exec-pusher"),
            "Pusher: there is no executor exec-pusher",
        ),
        (
            lambda a, _: _executors(a)["exec-pusher"]["container"].pop("image"),
            "Pusher: its container has no image",
        ),
        (
            lambda a, _: _executors(a)["exec-pusher"]["container"].pop("command"),
            "Pusher: its container has no command",
        ),
        (
            lambda a, _: a["components"]["comp-pusher"]["outputDefinitions"]["artifacts"].update(
                mlpipeline_ui_metadata={}
            ),
            "Pusher: the output name mlpipeline_ui_metadata is reserved for KFP's first version",
        ),
        (
            lambda a, _: a["root"]["inputDefinitions"]["parameters"]["span"].update(
                parameterType="INT"
            ),
            "root: parameter span has the unknown type INT",
        ),
        (
            lambda a, _: _args(a, "trainer").append("x" * (128 << 10)),
            "bytes; an argument has at most 131,072",
        ),
        (
            lambda a, _: [_args(a, task).append("x" * 120_000) for task in
                          ("trainer", "tuner", "pusher", "evaluator", "transform", "start")],
            "bytes; a run has at most 700,000",
        ),
        (
            lambda _, b: b.update({"exec-typo": {}}),
            "exec-typo: the platform document names an executor that does not exist",
        ),
        (
            lambda _, b: b["exec-pusher"].update(pvcMount=[{"constant": "c", "mountPath": "ws"}]),
            "exec-pusher: the path of volume c is not absolute",
        ),
        (
            lambda _, b: b["exec-pusher"].update(
                secretAsEnv=[{"secretName": "s", "keyToEnv": [{"secretKey": "", "envVar": "E"}]}]
            ),
            "exec-pusher: an environment variable must name a Secret and a key",
        ),
        (lambda a, _: a.update(components=None), "is not a valid PipelineSpec"),
    ],
)  # fmt: skip
def test_a_broken_rule_of_kfp_is_reported(package: Package, change: Change, message: str) -> None:
    mutant = copy.deepcopy(package)
    kubernetes = mutant.platform["platforms"]["kubernetes"]
    change(mutant.pipeline, kubernetes["deploymentSpec"]["executors"])
    problems = check.find_problems(mutant)
    assert any(message in problem for problem in problems), problems
