"""Let TFX's executors do their Beam work where the settings say."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.proto.orchestration import executable_spec_pb2, placeholder_pb2

from pipeline.beam import clusters, job_server
from pipeline.beam.cluster import Cluster
from pipeline.beam.flags import flags
from pipeline.beam.job_server import JobServer
from pipeline.settings.beam import BeamSettings
from pipeline.settings.engines import Component, job_name


class Work:
    """The Beam work of a run; a job server starts when the first executor needs it.

    Args:
      beam: settings.
      opened: ends the job servers when it is closed.
    """

    def __init__(self, beam: BeamSettings, opened: ExitStack) -> None:
        self._beam = beam
        self._opened = opened
        self._servers: dict[tuple[str, ...], JobServer] = {}

    @property
    def operators(self) -> dict[Any, Any]:
        """What TFX's launcher takes as `custom_executor_operators`."""
        return {executable_spec_pb2.BeamExecutableSpec: functools.partial(_Operator, self)}

    @contextmanager
    def flags(self, component: Component, job: str) -> Iterator[list[str]]:
        """Have a component's job ended when it is not waited for to its end.

        Args:
          component: TFX's node id.
          job: the name of its job.

        Yields:
          Its flags for Beam; none when the work is done in this process.

        Raises:
          InfrastructureError: the job server does not start.
        """
        cluster = clusters.of(self._beam, self._beam.engine_of(component))
        if cluster is None:
            yield []
            return
        own = None if cluster.settings.job_endpoint else self._server(cluster, component)
        endpoint = own.endpoint if own else str(cluster.settings.job_endpoint)
        try:
            yield flags(self._beam, cluster, component, endpoint, job)
        except BaseException:
            try:
                if own:  # what it has not handed over yet, it is not to hand over later
                    own.end()
            finally:  # also when somebody presses Ctrl-C once more
                clusters.cancel(self._beam, component, job)
            raise

    def _server(self, cluster: Cluster, component: Component) -> JobServer:
        command = job_server.command(cluster, component)
        found = self._servers.get(tuple(command))
        if found is None or not found.runs:
            found = self._servers[tuple(command)] = JobServer(command, cluster.settings.staging)
            self._opened.callback(found.end)
        return found


@contextmanager
def of_run(beam: BeamSettings) -> Iterator[Work]:
    """Do the Beam work of a run; end what was started for it.

    Args:
      beam: settings.
    """
    with ExitStack() as opened:
        yield Work(beam, opened)


class _Operator(BeamExecutorOperator):
    """Gives an executor its flags only once it is to work.

    So they are no part of the key to the cache: who does the work changes nothing of it.
    """

    def __init__(self, work: Work, executor_spec: Any, platform_config: Any = None) -> None:
        super().__init__(executor_spec, platform_config)
        self._work = work

    def run_executor(self, execution_info: Any, make_beam_pipeline_fn: Any = None) -> Any:
        node = execution_info.pipeline_node.node_info.id
        name = job_name(execution_info.pipeline_info.id, node, execution_info.pipeline_run_id or "")
        with self._work.flags(cast(Component, node), name) as found:
            self.beam_pipeline_args.extend(map(_literal, found))
            return super().run_executor(execution_info, make_beam_pipeline_fn)


def _literal(text: str) -> placeholder_pb2.PlaceholderExpression:
    expression = placeholder_pb2.PlaceholderExpression()
    expression.value.string_value = text
    return expression
