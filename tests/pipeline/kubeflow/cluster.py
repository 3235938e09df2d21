"""Run a package as KFP's driver and launcher do, with processes instead of pods.

The only input is the package's YAML: it determines the parameters, placeholders, dependencies,
environment, retries and the task that runs at the end.
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

# A fault acts on a pod that has started; its arguments are the process and the attempt, from 0.
Fault = Callable[["Process", int], None]

_CONTAINER_COMMAND = ["python", "-m", "pipeline.kubeflow.container.node"]


class Process(Protocol):
    """A container's process."""

    @property
    def pid(self) -> int | None:
        """Id of the process."""

    @property
    def exitcode(self) -> int | None:
        """Exit code, negative for a signal; None while the process runs."""

    def join(self) -> None:
        """Wait for the end of the process."""


_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
_OUTPUT = re.compile(r"\{\{\$\.outputs\.artifacts\['([^']+)'\]\.path\}\}")


class _Executed:
    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, env=environment, cwd="/", stdin=subprocess.DEVNULL,
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
      codes: exit codes of the attempts; negative for a signal.
      log: output of the last attempt.
      report: file of the page; None if the task wrote none.
      seconds: wall time of the last attempt, in seconds.
    """

    task: str
    codes: list[int] = field(default_factory=list)
    log: str = ""
    report: Path | None = None
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether the last attempt succeeded."""
        return bool(self.codes) and self.codes[-1] == 0


@dataclass
class Cluster:
    """A cluster that runs packages.

    Args:
      folder: folder for the tasks' output, instead of KFP's object store.
      secrets: values of Secrets by name and key.
      parallel: maximum number of pods that run at once.
      preloaded: whether to fork containers from a process that has imported TensorFlow and TFX and
        call the same entry point; False starts every command as written.
    """

    folder: Path
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parallel: int = 2
    preloaded: bool = False

    def start(self, command: list[str], environment: Mapping[str, str], log: Path) -> Process:
        """Start a container.

        Args:
          command: command and arguments of the container.
          environment: environment variables of the container.
          log: file for the output.
        """
        log.touch()
        if not self.preloaded or command[:3] != _CONTAINER_COMMAND:
            return _Executed(command, environment, log)
        return forks.start(_node, command[3:], environment, Path("/"), log, log)

    def run(
        self,
        package: str,
        run_id: str,
        parameters: Mapping[str, Any] | None = None,
        faults: Mapping[str, Fault] | None = None,
    ) -> dict[str, Pod]:
        """Run a package.

        Args:
          package: YAML of the package.
          run_id: KFP's id of the run; a retried run keeps its id.
          parameters: values of the run's parameters by name; default none.
          faults: faults by task; default none.

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
        definitions = self._spec["root"]["inputDefinitions"]["parameters"]
        assert parameters.keys() <= definitions.keys(), "KFP refuses unknown parameters"
        self._parameters = {
            name: parameters.get(name, definition.get("defaultValue"))
            for name, definition in definitions.items()
        }
        self.pods: dict[str, Pod] = {}

    def execute(self) -> dict[str, Pod]:
        with ThreadPoolExecutor(self._cluster.parallel) as pool:
            self._run_graph(self._spec["root"], self._parameters, pool)
        return self.pods

    def _run_graph(
        self, component: Mapping[str, Any], inputs: Mapping[str, Any], pool: ThreadPoolExecutor
    ) -> bool:
        """Run a graph's tasks in the order of their dependencies; return whether all succeeded."""
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
                task_inputs = self._inputs(task, inputs)
                if "dag" in reference:
                    ended: Future[bool] = Future()
                    ended.set_result(self._run_graph(reference, task_inputs, pool))
                    running[ended] = name
                else:
                    running[pool.submit(self._run_pod, name, task, reference, task_inputs)] = name
            if not running:
                break  # the remaining tasks wait for a failed task
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                if future.result():
                    succeeded.add(name)
                else:
                    failed = True
        for name, task in at_end.items():
            reference = self._spec["components"][task["componentRef"]["name"]]
            self._run_pod(name, task, reference, self._inputs(task, inputs))
        return not failed

    def _inputs(self, task: Mapping[str, Any], parent: Mapping[str, Any]) -> dict[str, Any]:
        """Resolve a task's inputs as KFP's driver does: a placeholder is the whole value."""
        resolved_inputs = {}
        for name, value in task.get("inputs", {}).get("parameters", {}).items():
            if "componentInputParameter" in value:
                resolved_inputs[name] = parent[value["componentInputParameter"]]
                continue
            constant = value["runtimeValue"]["constant"]
            is_run_id = constant == "{{$.pipeline_job_uuid}}"
            resolved_inputs[name] = self._run_id if is_run_id else constant
        return resolved_inputs

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
            command = [
                resolve(arg, inputs, outputs) for arg in [*container["command"], *container["args"]]
            ]
            environment = self._environment(container, self._pods_spec[label])
            log = self._cluster.folder / self._run_id / name / str(attempt) / "log"
            began = time.monotonic()
            process = self._cluster.start(command, environment, log)
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
        environment = {name: os.environ[name] for name in ("PATH", "HOME",
            "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG") if name in os.environ}  # fmt: skip
        # An image has the project installed; a process imports it from the clone instead.
        environment["PYTHONPATH"] = str(Path(__file__).parents[3])
        environment |= {entry["name"]: entry["value"] for entry in container.get("env", ())}
        for secret in pod.get("secretAsEnv", ()):
            for entry in secret["keyToEnv"]:
                secrets = self._cluster.secrets[secret["secretName"]]
                environment[entry["envVar"]] = secrets[entry["secretKey"]]
        return environment


def resolve(arg: str, inputs: Mapping[str, Any], outputs: Mapping[str, Path]) -> str:
    """Return an argument with its placeholders replaced as KFP's launcher does.

    Args:
      arg: argument of a container, with placeholders at any position.
      inputs: values of the task's input parameters by name.
      outputs: files of the task's output artifacts by name.
    """
    arg = _INPUT.sub(lambda match: _as_text(inputs[match[1]]), arg)
    arg = _OUTPUT.sub(lambda match: str(outputs[match[1]]), arg)
    assert "{{$" not in arg, f"KFP does not replace this placeholder: {arg}"
    return arg


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:.0f}" if float(value).is_integer() else repr(value)
    return str(value)


def kill_when(condition: Callable[[], bool], signum: signal.Signals, attempts: int = 1) -> Fault:
    """Return a fault that sends a signal to a pod as soon as a condition is true.

    Args:
      condition: function that returns whether to send the signal.
      signum: signal to send.
      attempts: number of attempts of the pod to send it in; default 1.
    """

    def fault(process: Process, attempt: int) -> None:
        while attempt < attempts and process.exitcode is None:
            if condition():
                assert process.pid is not None
                os.kill(process.pid, signum)
                return
            time.sleep(0.02)

    return fault
