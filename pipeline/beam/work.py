"""Run the Beam work of TFX's executors on the engines that the settings name."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.proto.orchestration import executable_spec_pb2, placeholder_pb2

from pipeline.beam import configured_clusters, job_server
from pipeline.beam.cluster_base import Cluster
from pipeline.beam.flags import flags
from pipeline.beam.job_server import JobServer
from pipeline.settings.beam import BeamSettings
from pipeline.settings.engines import Component


class BeamExecutor:
    """The engines of one run; a job server starts when the first component needs it.

    Args:
      beam: Beam settings of the pipeline.
      resources: stack that ends the job servers when it is closed.
    """

    def __init__(self, beam: BeamSettings, resources: ExitStack) -> None:
        self._beam = beam
        self._resources = resources
        self._servers: dict[tuple[str, ...], JobServer] = {}

    @property
    def operators(self) -> dict[Any, Any]:
        """Argument `custom_executor_operators` of TFX's launcher."""
        return {executable_spec_pb2.BeamExecutableSpec: functools.partial(_Operator, self)}

    @contextmanager
    def flags(self, component: Component, job: str) -> Iterator[list[str]]:
        """Provide a component's Beam flags; cancel its job if the component does not complete.

        Args:
          component: TFX node id of the component.
          job: name of the component's job.

        Yields:
          Flags for Beam; none if this process does the work.

        Raises:
          InfrastructureError: the job server does not start.
        """
        cluster = configured_clusters.create(self._beam, self._beam.engine_of(component))
        if cluster is None:
            yield []
            return
        server = None if cluster.settings.job_endpoint else self._server(cluster, component)
        endpoint = server.endpoint if server else str(cluster.settings.job_endpoint)
        try:
            yield flags(self._beam, cluster, component, endpoint, job)
        except BaseException:
            try:
                if server:  # it must not submit later what it has not submitted yet
                    server.end()
            finally:  # runs even if the user presses Ctrl-C a second time
                configured_clusters.cancel(self._beam, component, job)
            raise

    def _server(self, cluster: Cluster, component: Component) -> JobServer:
        command = job_server.command(cluster, component)
        server = self._servers.get(tuple(command))
        if server is None or not server.runs:
            server = self._servers[tuple(command)] = JobServer(command, cluster.settings.staging)
            self._resources.callback(server.end)
        return server


@contextmanager
def open_executor(beam: BeamSettings) -> Iterator[BeamExecutor]:
    """Open the engines of a run; end the job servers that it started.

    Args:
      beam: Beam settings of the pipeline.
    """
    with ExitStack() as resources:
        yield BeamExecutor(beam, resources)


class _Operator(BeamExecutorOperator):
    """Adds the Beam flags to an executor only when the executor starts.

    The engine does not change the result, so the flags must not be part of the cache key.
    """

    def __init__(
        self, executor: BeamExecutor, executor_spec: Any, platform_config: Any = None
    ) -> None:
        super().__init__(executor_spec, platform_config)
        self._executor = executor

    def run_executor(self, execution_info: Any, make_beam_pipeline_fn: Any = None) -> Any:
        node = execution_info.pipeline_node.node_info.id
        run_id = execution_info.pipeline_run_id or ""
        job = configured_clusters.job_name(execution_info.pipeline_info.id, node, run_id)
        with self._executor.flags(cast(Component, node), job) as beam_flags:
            self.beam_pipeline_args.extend(map(_literal, beam_flags))
            return super().run_executor(execution_info, make_beam_pipeline_fn)


def _literal(text: str) -> placeholder_pb2.PlaceholderExpression:
    expression = placeholder_pb2.PlaceholderExpression()
    expression.value.string_value = text
    return expression
