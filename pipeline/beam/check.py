"""Check that the engines can do the work before any work starts."""

from __future__ import annotations

import argparse
import difflib
import io
from contextlib import redirect_stderr

from pipeline.beam import configured_clusters, job_server
from pipeline.beam.calls import check_connection, is_loopback
from pipeline.beam.cluster_base import Cluster
from pipeline.errors import InfrastructureError, TaxiwayError, UsageError
from pipeline.settings.beam import BeamSettings, ClusterSettings

# From this similarity on, an unknown flag is a misspelt flag of Beam. The flags that only the job
# servers of Flink and Spark accept are less similar, such as gcp_temp_location and temp_location.
_MIN_SIMILARITY = 0.9


def check_settings(beam: BeamSettings) -> None:
    """Reject settings that no engine can work with; nothing is connected.

    Args:
      beam: Beam settings of the pipeline.

    Raises:
      UsageError: a setting that an engine requires is missing or does not fit.
    """
    for cluster in configured_clusters.in_use(beam):
        section, settings = f"beam.{cluster.name}", cluster.settings
        if settings.master is None:
            raise UsageError(
                f'{section}.master is not set; the engine "{cluster.name}" needs its host:port.',
                _next_step(cluster),
            )
        if settings.setup_file and settings.setup_file.name != "setup.py":
            raise UsageError(
                f"{section}.setup_file: expected a file called setup.py, got "
                f"{settings.setup_file}.",
                _next_step(cluster),
            )


def check_engines(beam: BeamSettings) -> str:
    """Check that the engines answer and have what every component requires.

    Args:
      beam: Beam settings of the pipeline.

    Returns:
      A description of the engines; "" if this process does all work.

    Raises:
      UsageError: as `check_settings`.
      InfrastructureError: an engine does not answer, is not what the settings state, or is too
        small.
    """
    check_settings(beam)
    _check_arguments(beam)
    return "; ".join(_check_cluster(cluster) for cluster in configured_clusters.in_use(beam))


def pool_is_reachable(settings: ClusterSettings) -> bool:
    """Return whether this machine can call the worker pool.

    On another machine, `localhost` is that machine, so its pool cannot be called from here.

    Args:
      settings: settings of the cluster.
    """
    return is_loopback(str(settings.master)) or not is_loopback(settings.worker_pool)


def _check_arguments(beam: BeamSettings) -> None:
    for component, engine in beam.engines.items():
        if engine == "local" or not (arguments := beam.arguments_of(component)):
            continue
        if reason := _parse_error(arguments):
            raise UsageError(
                f"beam.{engine}.arguments, as {component} has them: {reason}",
                f"fix [beam.{engine}] (docs/engines.md)",
            )


def _parse_error(arguments: tuple[str, ...]) -> str:
    """Let Beam parse flags now, because later it exits over one and ignores another.

    Returns:
      What is wrong; "" if nothing is, or if only the job server can tell.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    parsers: list[argparse.ArgumentParser] = []
    errors = io.StringIO()
    try:
        with redirect_stderr(errors):
            PipelineOptions(list(arguments)).get_all_options(add_extra_args_fn=parsers.append)
    except SystemExit:
        return errors.getvalue().strip().rpartition("error: ")[2] + "."
    (parser,) = parsers
    flags = [name.removeprefix("--") for name in parser._option_string_actions]
    for flag in parser.parse_known_args(arguments)[1]:
        name = flag.removeprefix("--").partition("=")[0]
        if close := difflib.get_close_matches(name, flags, n=1, cutoff=_MIN_SIMILARITY):
            return f"--{name} is no flag of Beam; did you mean --{close[0]}?"
    return ""


def _check_cluster(cluster: Cluster) -> str:
    try:
        description = cluster.check()
        _check_job_server(cluster)
        _check_workers(cluster.name, cluster.settings)
    except TaxiwayError as error:
        error.next_step = error.next_step or _next_step(cluster)
        raise
    return description


def _check_job_server(cluster: Cluster) -> None:
    endpoint = cluster.settings.job_endpoint
    if endpoint:
        check_connection(f"beam.{cluster.name}.job_endpoint", endpoint, "start the job server")
        return
    job_server.jar(cluster)  # downloads the jar now if it is missing


def _check_workers(name: str, settings: ClusterSettings) -> None:
    if pool_is_reachable(settings):
        check_connection(
            f"beam.{name}.worker_pool",
            settings.worker_pool,
            "start it (docs/engines.md); if other machines do the work, set the master's host "
            "name instead of localhost",
        )
    if settings.setup_file and not settings.setup_file.is_file():
        raise InfrastructureError(
            f"beam.{name}.setup_file: there is no file {settings.setup_file}."
        )


def _next_step(cluster: Cluster) -> str:
    return f"taxiway run --engine local, or fix [beam.{cluster.name}] (docs/engines.md)"
