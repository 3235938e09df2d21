"""KFP's REST API v2beta1, as far as a run needs it."""

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
# What asks may be asked again; what makes a run may not.
_RETRIES = urllib3.Retry(
    total=3, connect=0, redirect=0, backoff_factor=0.5, status_forcelist=(502, 503, 504),
    allowed_methods=("GET",), raise_on_redirect=False, raise_on_status=False,
)  # fmt: skip

ENDED = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"})


@dataclass(frozen=True)
class Submitted:
    """A run, or a recurring one, that KFP has taken.

    Args:
      id: KFP's.
      link: to it in KFP's user interface.
    """

    id: str
    link: str


@dataclass(frozen=True)
class State:
    """How far a run is.

    Args:
      id: KFP's.
      name: that it was given.
      state: KFP's word: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED and so on.
      tasks: KFP's words by task, as far as it knows them.
      error: why it failed, as KFP has it.
    """

    id: str
    name: str
    state: str
    tasks: Mapping[str, str]
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDED


class Client:
    """Speak with KFP's API server.

    Args:
      settings: of Kubeflow.
      environment: of the process, which says who asks: a token, or the cookie that a login gave.

    Raises:
      UsageError: there is no host, or it is no address.
    """

    def __init__(self, settings: KubeflowSettings, environment: Mapping[str, str]) -> None:
        if settings.host is None:
            raise UsageError(
                "kubeflow.host: there is no address of a Kubeflow Pipelines server.",
                'add host = "https://..." under [kubeflow] in the settings file, or give --host',
            )
        if not settings.host.startswith(("http://", "https://")):
            raise UsageError(f"kubeflow.host: {settings.host} begins with no http:// or https://.")
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
          package: to run.
          name: for people.
          parameters: that are not as the package has them.

        Raises:
          UsageError: KFP refuses the package, or whoever asks.
          InfrastructureError: KFP cannot be reached, or fails.
        """
        made = self._ask("POST", "/runs", self._run(package, name, parameters))
        return Submitted(made["run_id"], f"{self._host}/#/runs/details/{made['run_id']}")

    def schedule(
        self, package: Package, name: str, parameters: Mapping[str, Any], cron: str
    ) -> Submitted:
        """Let runs start by themselves, one at a time; what was missed is not made up for.

        Args:
          package: to run.
          name: for people.
          parameters: that are not as the package has them.
          cron: when, with seconds first: `0 0 6 2 * *` is 6 o'clock on the 2nd of each month.

        Raises:
          UsageError: KFP refuses the package, the times, or whoever asks.
          InfrastructureError: KFP cannot be reached, or fails.
        """
        body = self._run(package, name, parameters) | {
            "trigger": {"cron_schedule": {"cron": cron}},
            "max_concurrency": "1",
            "no_catchup": True,
            "mode": "ENABLE",
        }
        made = self._ask("POST", "/recurringruns", body)
        number = made["recurring_run_id"]
        return Submitted(number, f"{self._host}/#/recurringrun/details/{number}")

    def state(self, run_id: str) -> State:
        """Return how far a run is.

        Raises:
          UsageError: there is no such run, or KFP refuses whoever asks.
          InfrastructureError: KFP cannot be reached, or fails.
        """
        found = self._ask("GET", f"/runs/{run_id}")
        details = found.get("run_details", {}).get("task_details", [])
        tasks = {each.get("display_name", ""): each.get("state", "PENDING") for each in details}
        return State(
            found["run_id"],
            found.get("display_name", ""),
            found.get("state", "PENDING"),
            dict(sorted(tasks.items())),
            found.get("error", {}).get("message", ""),
        )

    def _run(self, package: Package, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {
            "display_name": name,
            "experiment_id": self._experiment(package.pipeline["pipelineInfo"]["name"]),
            "pipeline_spec": {
                "pipeline_spec": package.pipeline,
                "platform_spec": package.platform,
            },
            "runtime_config": {"parameters": dict(parameters)},
        }
        if self._settings.service_account is not None:
            found["service_account"] = self._settings.service_account
        return found

    def _experiment(self, pipeline: str) -> str:
        """Return the id of the experiment; make it where there is none."""
        name = self._settings.experiment or pipeline
        of_name = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        asked = {"filter": json.dumps({"predicates": [of_name]})}
        wanted = {"display_name": name}
        if self._settings.namespace is not None:
            asked["namespace"] = wanted["namespace"] = self._settings.namespace
        known = self._ask("GET", f"/experiments?{urlencode(asked)}").get("experiments", [])
        made = known[0] if known else self._ask("POST", "/experiments", wanted)
        return str(made["experiment_id"])

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        url = f"{self._host}{_API}{path}"
        try:
            answer = self._pool.request(method, url, json=body, headers=self._headers)
        except urllib3.exceptions.LocationValueError as error:
            raise UsageError(f"kubeflow.host: {self._host} is no address: {error}.") from error
        except urllib3.exceptions.HTTPError as error:
            raise InfrastructureError(
                f"no Kubeflow Pipelines server answers at {self._host}: {_why(error)}.",
                "look at kubeflow.host and at the way there (kubectl port-forward)",
            ) from error
        try:
            content = answer.json()
        except ValueError:
            content = None
        if 200 <= answer.status < 300 and isinstance(content, dict):
            return content
        raise self._refusal(answer.status, content)

    def _refusal(self, status: int, content: Any) -> UsageError | InfrastructureError:
        known = content if isinstance(content, dict) else {}
        says = known.get("error_message") or known.get("message") or known.get("error") or ""
        words = f": {str(says).splitlines()[0]}" if says else ""
        # A login page is what an unknown visitor gets, some with "200 OK".
        if status in (401, 403) or 300 <= status < 400 or (status == 200 and content is None):
            return UsageError(
                f"{self._host} does not let you in ({status}){words}.",
                f"set {TOKEN}, or {COOKIE} to what a browser has after the login",
            )
        if 400 <= status < 500:
            missing = "; is this Kubeflow Pipelines 2?" if status == 404 and not says else "."
            return UsageError(f"{self._host} refuses that ({status}){words}{missing}")
        return InfrastructureError(f"{self._host} failed ({status}){words}.", "look at its log")


def _why(error: BaseException) -> str:
    while isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    words = str(error).rpartition(": ")[2]
    return words or type(error).__name__
