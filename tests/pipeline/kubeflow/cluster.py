"""A package run as KFP's driver and launcher run it, with processes in the place of pods.

Nothing is known here but the package's YAML: parameters, placeholders, dependencies, environment,
retries and the task that runs at the end are resolved from it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from tests import forks

# What is done to a pod after it has started: its process, and which try it is.
Fault = Callable[["Process", int], None]

_CONTAINER_COMMAND = ["python", "-m", "pipeline.kubeflow.container.node"]


class Process(Protocol):
    """A container's process."""

    @property
    def pid(self) -> int | None:
        """Its id."""

    @property
    def exitcode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""

    def join(self) -> None:
        """Wait for its end."""


_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
_OUTPUT = re.compile(r"\{\{\$\.outputs\.artifacts\['([^']+)'\]\.path\}\}")


class _Executed:
    def __init__(self, words: list[str], environment: Mapping[str, str], log: Path) -> None:
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                words, env=environment, cwd="/", stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        self.pid = self._process.pid

    @property
    def exitcode(self) -> int | None:
        return self._process.poll()

    def join(self) -> None:
        self._process.wait()


def _node(args: list[str]) -> int:
    from pipeline.kubeflow.container import node

    return node.main(args)


@dataclass
class Pod:
    """A container that ran.

    Args:
      task: KFP's name of the task.
      codes: exit codes of its tries; negative for a signal.
      log: what it printed in its last try.
      report: the page it put out, if it did.
      seconds: wall time of its last try.
    """

    task: str
    codes: list[int] = field(default_factory=list)
    log: str = ""
    report: Path | None = None
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether the last try ended well."""
        return bool(self.codes) and self.codes[-1] == 0


@dataclass
class Cluster:
    """Somewhere that packages run.

    Args:
      folder: for what tasks put out, in the place of KFP's object store.
      secrets: by name and key.
      parallel: pods that run at once.
      preloaded: fork containers from a process that has imported TensorFlow and TFX already, and
        runs the same entrypoint; else start each command as it is written.
    """

    folder: Path
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parallel: int = 2
    preloaded: bool = False

    def start(self, words: list[str], environment: Mapping[str, str], log: Path) -> Process:
        """Start a container."""
        log.touch()
        if not self.preloaded or words[:3] != _CONTAINER_COMMAND:
            return _Executed(words, environment, log)
        return forks.start(_node, words[3:], environment, Path("/"), log, log)

    def run(
        self,
        package: str,
        run_id: str,
        parameters: Mapping[str, Any] | None = None,
        faults: Mapping[str, Fault] | None = None,
    ) -> dict[str, Pod]:
        """Run a package.

        Args:
          package: the YAML.
          run_id: KFP's id of the run; a run that is retried keeps it.
          parameters: that whoever starts it chooses.
          faults: by task.

        Returns:
          The pods that ran, by task.
        """
        return _Run(self, package, run_id, parameters or {}, faults or {}).execute()


class _Run:
    def __init__(
        self,
        cluster: Cluster,
        package: str,
        run_id: str,
        parameters: Mapping[str, Any],
        faults: Mapping[str, Fault],
    ) -> None:
        self._spec, platform = yaml.safe_load_all(package)
        self._pods_spec = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        self._cluster, self._run_id, self._faults = cluster, run_id, faults
        known = self._spec["root"]["inputDefinitions"]["parameters"]
        assert parameters.keys() <= known.keys(), "KFP refuses unknown parameters"
        self._parameters = {
            name: parameters.get(name, each.get("defaultValue")) for name, each in known.items()
        }
        self.pods: dict[str, Pod] = {}

    def execute(self) -> dict[str, Pod]:
        with ThreadPoolExecutor(self._cluster.parallel) as pool:
            self._run_graph(self._spec["root"], self._parameters, pool)
        return self.pods

    def _run_graph(
        self, component: Mapping[str, Any], inputs: Mapping[str, Any], pool: ThreadPoolExecutor
    ) -> bool:
        """Run a graph's tasks, each when what it waits for has succeeded; return how it ended."""
        tasks = component["dag"]["tasks"]
        at_end = {
            name: task
            for name, task in tasks.items()
            if task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
        }
        waiting = {name: task for name, task in tasks.items() if name not in at_end}
        running: dict[Future[bool], str] = {}
        succeeded: set[str] = set()
        failed = False
        while waiting or running:
            ready = [
                name
                for name, task in waiting.items()
                if not failed and set(task.get("dependentTasks", ())) <= succeeded
            ]
            for name in ready:
                task = waiting.pop(name)
                reference = self._spec["components"][task["componentRef"]["name"]]
                given = self._inputs(task, inputs)
                if "dag" in reference:
                    ended: Future[bool] = Future()
                    ended.set_result(self._run_graph(reference, given, pool))
                    running[ended] = name
                else:
                    running[pool.submit(self._run_pod, name, task, reference, given)] = name
            if not running:
                break  # what is left waits for what failed
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                name = running.pop(each)
                if each.result():
                    succeeded.add(name)
                else:
                    failed = True
        for name, task in at_end.items():
            reference = self._spec["components"][task["componentRef"]["name"]]
            self._run_pod(name, task, reference, self._inputs(task, inputs))
        return not failed

    def _inputs(self, task: Mapping[str, Any], parent: Mapping[str, Any]) -> dict[str, Any]:
        """Resolve a task's inputs, as KFP's driver does: a placeholder is the whole value."""
        found = {}
        for name, given in task.get("inputs", {}).get("parameters", {}).items():
            if "componentInputParameter" in given:
                found[name] = parent[given["componentInputParameter"]]
                continue
            constant = given["runtimeValue"]["constant"]
            found[name] = self._run_id if constant == "{{$.pipeline_job_uuid}}" else constant
        return found

    def _run_pod(
        self,
        name: str,
        task: Mapping[str, Any],
        component: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> bool:
        label = component["executorLabel"]
        container = self._spec["deploymentSpec"]["executors"][label]["container"]
        pod = self.pods[name] = Pod(task["taskInfo"]["name"])
        for attempt in range(1 + task.get("retryPolicy", {}).get("maxRetryCount", 0)):
            outputs = {
                key: self._cluster.folder / self._run_id / name / str(attempt) / key
                for key in component.get("outputDefinitions", {}).get("artifacts", {})
            }
            for file in outputs.values():
                file.parent.mkdir(parents=True, exist_ok=True)
            words = [
                resolved(word, inputs, outputs)
                for word in [*container["command"], *container["args"]]
            ]
            environment = self._environment(container, self._pods_spec[label])
            log = self._cluster.folder / self._run_id / name / str(attempt) / "log"
            began = time.monotonic()
            process = self._cluster.start(words, environment, log)
            if name in self._faults:
                threading.Thread(
                    target=self._faults[name], args=(process, attempt), daemon=True
                ).start()
            process.join()
            pod.codes.append(process.exitcode)
            pod.log = log.read_text(errors="replace")
            pod.seconds = time.monotonic() - began
            pod.report = next((file for file in outputs.values() if file.exists()), None)
            if pod.succeeded:
                return True
        return False

    def _environment(self, container: Mapping[str, Any], pod: Mapping[str, Any]) -> dict[str, str]:
        found = {name: os.environ[name] for name in ("PATH", "HOME", "COVERAGE_PROCESS_START",
            "COVERAGE_PROCESS_CONFIG") if name in os.environ}  # fmt: skip
        # An image has the project installed.
        found["PYTHONPATH"] = str(Path(__file__).parents[3])
        found |= {each["name"]: each["value"] for each in container.get("env", ())}
        for secret in pod.get("secretAsEnv", ()):
            for each in secret["keyToEnv"]:
                secrets = self._cluster.secrets[secret["secretName"]]
                found[each["envVar"]] = secrets[each["secretKey"]]
        return found


def resolved(word: str, inputs: Mapping[str, Any], outputs: Mapping[str, Path]) -> str:
    """Replace placeholders, as KFP's launcher does: anywhere in an argument."""
    word = _INPUT.sub(lambda found: _as_text(inputs[found[1]]), word)
    word = _OUTPUT.sub(lambda found: str(outputs[found[1]]), word)
    assert "{{$" not in word, f"nobody replaces this: {word}"
    return word


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:.0f}" if float(value).is_integer() else repr(value)
    return str(value)


def kill_when(there: Callable[[], bool], how: signal.Signals, tries: int = 1) -> Fault:
    """Return a fault that sends a signal to a pod as soon as something is there."""

    def fault(process: Process, attempt: int) -> None:
        while attempt < tries and process.exitcode is None:
            if there():
                assert process.pid is not None
                os.kill(process.pid, how)
                return
            time.sleep(0.02)

    return fault
