"""A client of the parts of KFP's REST API v2beta1 that a run uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from pipeline.errors import InfrastructureError, UsageError
from pipeline.kubeflow.compiler.package import Package
from pipeline.settings.kubeflow import KubeflowSettings

TOKEN, COOKIE = "TAXIWAY_KFP_TOKEN", "TAXIWAY_KFP_COOKIE"

_API = "/apis/v2beta1"
_TIMEOUT = urllib3.Timeout(connect=5.0, read=60.0)
# A repeated POST could start a second run, so only GET is retried.
_RETRIES = urllib3.Retry(
    total=3, connect=0, redirect=0, backoff_factor=0.5, status_forcelist=(502, 503, 504),
    allowed_methods=("GET",), raise_on_redirect=False, raise_on_status=False,
)  # fmt: skip

ENDED = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"})


@dataclass(frozen=True)
class Submitted:
    """A run or a recurring run that KFP has accepted.

    Args:
      id: KFP's id of the run.
      link: address of the run in KFP's user interface.
    """

    id: str
    link: str


@dataclass(frozen=True)
class State:
    """The state of a run.

    Args:
      id: KFP's id of the run.
      name: name of the run.
      state: KFP's state of the run: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED and so on.
      tasks: KFP's states of the tasks that it lists, by task.
      error: KFP's message why the run failed; default "".
    """

    id: str
    name: str
    state: str
    tasks: Mapping[str, str]
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether the run has ended, so that its state does not change any more."""
        return self.state in ENDED


class Client:
    """A client of KFP's API server.

    Args:
      settings: settings of Kubeflow.
      environment: environment variables of the process; TAXIWAY_KFP_TOKEN or TAXIWAY_KFP_COOKIE
        authenticates the user.

    Raises:
      UsageError: kubeflow.host is not set or not an address.

    Example:
      client = Client(settings.kubeflow, os.environ)
      run = client.submit(package, "flights", {"span": 201305})
      print(client.state(run.id).state)
    """

    def __init__(self, settings: KubeflowSettings, environment: Mapping[str, str]) -> None:
        if settings.host is None:
            raise UsageError(
                "kubeflow.host: no address of a Kubeflow Pipelines server is set.",
                'add host = "https://..." under [kubeflow] in the settings file, or pass --host',
            )
        if not settings.host.startswith(("http://", "https://")):
            raise UsageError(
                f"kubeflow.host: expected http:// or https:// at the start, got {settings.host}."
            )
        self._settings = settings
        self._host = settings.host.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if environment.get(TOKEN):
            self._headers["Authorization"] = f"Bearer {environment[TOKEN]}"
        if environment.get(COOKIE):
            self._headers["Cookie"] = environment[COOKIE]
        ca_file = settings.ca_file and str(settings.ca_file)
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=_RETRIES, ca_certs=ca_file)

    def submit(self, package: Package, name: str, parameters: Mapping[str, Any]) -> Submitted:
        """Start a run.

        Args:
          package: package to run.
          name: name of the run in KFP's user interface.
          parameters: values of the parameters that differ from the package's defaults, by name.

        Returns:
          The run.

        Raises:
          UsageError: KFP refuses the package or the user.
          InfrastructureError: KFP cannot be reached or fails.
        """
        run = self._request("POST", "/runs", self._run(package, name, parameters))
        return Submitted(run["run_id"], f"{self._host}/#/runs/details/{run['run_id']}")

    def schedule(
        self, package: Package, name: str, parameters: Mapping[str, Any], cron: str
    ) -> Submitted:
        """Start runs on a schedule, one at a time, and skip missed runs.

        Args:
          package: package to run.
          name: name of the runs in KFP's user interface.
          parameters: values of the parameters that differ from the package's defaults, by name.
          cron: schedule with six fields, seconds first: `0 0 6 2 * *` is 6 o'clock on the 2nd of
            every month.

        Returns:
          The recurring run.

        Raises:
          UsageError: KFP refuses the package, the schedule or the user.
          InfrastructureError: KFP cannot be reached or fails.
        """
        body = self._run(package, name, parameters) | {
            "trigger": {"cron_schedule": {"cron": cron}},
            "max_concurrency": "1",
            "no_catchup": True,
            "mode": "ENABLE",
        }
        run_id = self._request("POST", "/recurringruns", body)["recurring_run_id"]
        return Submitted(run_id, f"{self._host}/#/recurringrun/details/{run_id}")

    def state(self, run_id: str) -> State:
        """Return the state of a run.

        Args:
          run_id: KFP's id of the run.

        Raises:
          UsageError: there is no such run, or KFP refuses the user.
          InfrastructureError: KFP cannot be reached or fails.
        """
        run = self._request("GET", f"/runs/{run_id}")
        details = run.get("run_details", {}).get("task_details", [])
        tasks = {task.get("display_name", ""): task.get("state", "PENDING") for task in details}
        return State(
            run["run_id"],
            run.get("display_name", ""),
            run.get("state", "PENDING"),
            dict(sorted(tasks.items())),
            run.get("error", {}).get("message", ""),
        )

    def _run(self, package: Package, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "display_name": name,
            "experiment_id": self._experiment(package.pipeline["pipelineInfo"]["name"]),
            "pipeline_spec": {
                "pipeline_spec": package.pipeline,
                "platform_spec": package.platform,
            },
            "runtime_config": {"parameters": dict(parameters)},
        }
        if self._settings.service_account is not None:
            body["service_account"] = self._settings.service_account
        return body

    def _experiment(self, pipeline: str) -> str:
        """Return the id of the experiment; create the experiment if it does not exist."""
        name = self._settings.experiment or pipeline
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        query = {"filter": json.dumps({"predicates": [predicate]})}
        body = {"display_name": name}
        if self._settings.namespace is not None:
            query["namespace"] = body["namespace"] = self._settings.namespace
        existing = self._request("GET", f"/experiments?{urlencode(query)}").get("experiments", [])
        experiment = existing[0] if existing else self._request("POST", "/experiments", body)
        return str(experiment["experiment_id"])

    def _request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        url = f"{self._host}{_API}{path}"
        try:
            response = self._pool.request(method, url, json=body, headers=self._headers)
        except urllib3.exceptions.LocationValueError as error:
            raise UsageError(f"kubeflow.host: {self._host} is not an address: {error}.") from error
        except urllib3.exceptions.HTTPError as error:
            raise InfrastructureError(
                f"no Kubeflow Pipelines server answers at {self._host}: {_cause(error)}.",
                "check kubeflow.host and the connection (kubectl port-forward)",
            ) from error
        try:
            content = response.json()
        except ValueError:
            content = None
        if 200 <= response.status < 300 and isinstance(content, dict):
            return content
        raise self._refusal(response.status, content)

    def _refusal(self, status: int, content: Any) -> UsageError | InfrastructureError:
        fields = content if isinstance(content, dict) else {}
        message = fields.get("error_message") or fields.get("message") or fields.get("error") or ""
        detail = f": {str(message).splitlines()[0]}" if message else ""
        # Some servers answer a user without credentials with a login page and status 200.
        if status in (401, 403) or 300 <= status < 400 or (status == 200 and content is None):
            return UsageError(
                f"{self._host} refuses your credentials ({status}){detail}.",
                f"set {TOKEN}, or set {COOKIE} to the cookie of a browser that is logged in",
            )
        if 400 <= status < 500:
            if status == 404 and not message:
                detail = "; check that it is Kubeflow Pipelines 2"
            return UsageError(f"{self._host} refuses the request ({status}){detail}.")
        return InfrastructureError(f"{self._host} failed ({status}){detail}.", "read its log")


def _cause(error: BaseException) -> str:
    while isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    message = str(error).rpartition(": ")[2]
    return message or type(error).__name__
