"""What open-source KFP would refuse is refused before that, with the task and the reason."""

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


def _words(pipeline: dict[str, Any], task: str) -> list[str]:
    return _executors(pipeline)[f"exec-{task}"]["container"]["args"]


def _run_of(pipeline: dict[str, Any], task: str, constant: str) -> None:
    _inner(pipeline)[task]["inputs"]["parameters"]["run"]["runtimeValue"]["constant"] = constant


def test_what_is_compiled_passes(package: Package) -> None:
    assert check.problems(package) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a, _: a.update(schemaVersion="2.0.0"), "schemaVersion is 2.0.0, KFP takes 2.1.0"),
        (lambda a, _: a["pipelineInfo"].update(name="My flight"), "pipelineInfo.name 'My flight'"),
        (lambda a, _: a["root"].pop("dag"), "root has no tasks"),
        (
            lambda a, _: _executors(a)["exec-trainer"].update(resolver={}),
            "Trainer: its executor is of kind container, resolver; open-source KFP runs containers",
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
            lambda a, _: _words(a, "pusher").append('{"Concat": ["a", "b"]}'),
            "Pusher: open-source KFP does not evaluate Concat and IfPresent placeholders",
        ),
        (
            lambda a, _: _words(a, "pusher").append("{{$.inputs.parameters['span']}}"),
            "Pusher: the placeholder {{$.inputs.parameters['span']}} names nothing of this task",
        ),
        (
            lambda a, _: _words(a, "pusher").append("{{$.json_escape[1]}}"),
            "Pusher: KFP's launcher does not know the placeholder {{$.json_escape[1]}}",
        ),
        (
            lambda a, _: _words(a, "pusher").append("{{workflow.name}}"),
            "Pusher: Argo would take the argument '{{workflow.name}}' for a template",
        ),
        (
            lambda a, _: _run_of(a, "transform", "run-{{$.pipeline_job_uuid}}"),
            "Transform: run is 'run-{{$.pipeline_job_uuid}}'; a placeholder must be the whole",
        ),
        (
            lambda a, _: _run_of(a, "transform", "{{$.pipeline_root}}"),
            "Transform: run is '{{$.pipeline_root}}'; a placeholder must be",
        ),
        (
            lambda a, _: _inner(a)["transform"]["inputs"]["parameters"].clear(),
            "Transform: nothing is given for its parameter run",
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
            "Start: span comes from source, which is no task beside it",
        ),
        (
            lambda a, _: _inner(a)["evaluator"]["dependentTasks"].append("resolver"),
            "evaluator: it waits for resolver, which is no task of comp-pipeline",
        ),
        (
            lambda a, _: _inner(a)["start"].update(dependentTasks=["pusher"]),
            "wait for each other",
        ),
        (
            lambda a, _: a["root"]["dag"]["tasks"]["record"].update(dependentTasks=[]),
            "record: what runs at the end waits for one task, not 0",
        ),
        (
            lambda a, _: _inner(a)["tuner"].update(triggerPolicy={"condition": "true"}),
            "Tuner: what waits for a task that a condition leaves out would never run",
        ),
        (
            lambda a, _: _inner(a).update({"Data_Gate": _inner(a).pop("data-gate")}),
            "DataGate: the task's name 'Data_Gate' is not of small letters",
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
            "Pusher: the output name mlpipeline_ui_metadata belongs to KFP's first version",
        ),
        (
            lambda a, _: a["root"]["inputDefinitions"]["parameters"]["span"].update(
                parameterType="INT"
            ),
            "root: parameter span has the unknown type INT",
        ),
        (
            lambda a, _: _words(a, "trainer").append("x" * (128 << 10)),
            "bytes, at most 131,072 fit into an argument",
        ),
        (
            lambda a, _: [_words(a, task).append("x" * 120_000) for task in
                          ("trainer", "tuner", "pusher", "evaluator", "transform", "start")],
            "bytes, at most 700,000 fit into a run",
        ),
        (
            lambda _, b: b.update({"exec-typo": {}}),
            "exec-typo: the platform's document names an executor that does not exist",
        ),
        (
            lambda _, b: b["exec-pusher"].update(pvcMount=[{"constant": "c", "mountPath": "ws"}]),
            "exec-pusher: volume c is mounted at no absolute path",
        ),
        (
            lambda _, b: b["exec-pusher"].update(
                secretAsEnv=[{"secretName": "s", "keyToEnv": [{"secretKey": "", "envVar": "E"}]}]
            ),
            "exec-pusher: an environment variable names no Secret and key",
        ),
        (lambda a, _: a.update(components=None), "is not formed as a PipelineSpec"),
    ],
)  # fmt: skip
def test_what_kfp_would_refuse_is_named(package: Package, change: Change, says: str) -> None:
    mutant = copy.deepcopy(package)
    kubernetes = mutant.platform["platforms"]["kubernetes"]
    change(mutant.pipeline, kubernetes["deploymentSpec"]["executors"])
    found = check.problems(mutant)
    assert any(says in problem for problem in found), found
