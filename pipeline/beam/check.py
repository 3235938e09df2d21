"""Whether an engine can do the work, found out before any work starts."""

from __future__ import annotations

import argparse
import difflib
import io
from contextlib import redirect_stderr

from pipeline.beam import clusters, job_server
from pipeline.beam.calls import connect, is_here
from pipeline.beam.cluster import Cluster
from pipeline.errors import InfrastructureError, TaxiwayError, UsageError
from pipeline.settings.beam import BeamSettings, ClusterSettings

# From here on, a name that Beam does not know is one that it knows, misspelt. What else the job
# servers of Flink and Spark take is less alike, such as gcp_temp_location and temp_location.
_ALIKE = 0.9


def settings(beam: BeamSettings) -> None:
    """Refuse settings that no engine can work with; nothing is connected.

    Args:
      beam: of the pipeline.

    Raises:
      UsageError: what an engine needs is not set, or does not fit.
    """
    for cluster in clusters.in_use(beam):
        section, said = f"beam.{cluster.name}", cluster.settings
        if said.master is None:
            raise UsageError(
                f'{section}.master is not set; the engine "{cluster.name}" needs its host:port.',
                _remedy(cluster),
            )
        if said.setup_file and said.setup_file.name != "setup.py":
            raise UsageError(
                f"{section}.setup_file: {said.setup_file} has to be called setup.py.",
                _remedy(cluster),
            )


def reach(beam: BeamSettings) -> str:
    """Make sure that the engines answer and have what each component asks for.

    Args:
      beam: of the pipeline.

    Returns:
      What was found, in words; "" when all work is done in this process.

    Raises:
      UsageError: as `settings`.
      InfrastructureError: one does not answer, is not what the settings say, or too small.
    """
    settings(beam)
    _check_arguments(beam)
    return "; ".join(_reach(cluster) for cluster in clusters.in_use(beam))


def _check_arguments(beam: BeamSettings) -> None:
    for component, engine in beam.engines.items():
        if engine == "local" or not (arguments := beam.arguments_of(component)):
            continue
        if why := _why_not_read(arguments):
            raise UsageError(
                f"beam.{engine}.arguments, as {component} has them: {why}",
                f"correct [beam.{engine}] (docs/engines.md)",
            )


def _why_not_read(arguments: tuple[str, ...]) -> str:
    """Let Beam read flags now: it would end the process over one, and drop another unseen.

    Returns:
      What is wrong; "" when nothing is, or only the job server can tell.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    parsers: list[argparse.ArgumentParser] = []
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            PipelineOptions(list(arguments)).get_all_options(add_extra_args_fn=parsers.append)
    except SystemExit:
        return said.getvalue().strip().rpartition("error: ")[2] + "."
    (parser,) = parsers
    known = [name.removeprefix("--") for name in parser._option_string_actions]
    for flag in parser.parse_known_args(arguments)[1]:
        name = flag.removeprefix("--").partition("=")[0]
        if close := difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE):
            return f"--{name} is no flag of Beam; did you mean --{close[0]}?"
    return ""


def _reach(cluster: Cluster) -> str:
    try:
        found = cluster.find()
        _check_job_server(cluster)
        _check_workers(cluster.name, cluster.settings)
    except TaxiwayError as error:
        error.next_step = error.next_step or _remedy(cluster)
        raise
    return found


def _check_job_server(cluster: Cluster) -> None:
    endpoint = cluster.settings.job_endpoint
    if endpoint:
        connect(f"beam.{cluster.name}.job_endpoint", endpoint, "start the job server")
        return
    job_server.jar(cluster)  # if need be, it is downloaded now


def _check_workers(name: str, said: ClusterSettings) -> None:
    if pool_is_in_reach(said):
        place = f"beam.{name}.worker_pool"
        connect(
            place,
            said.worker_pool,
            "start it (docs/engines.md); where other machines work, call the master by its name, "
            "not localhost",
        )
    if said.setup_file and not said.setup_file.is_file():
        raise InfrastructureError(f"beam.{name}.setup_file: there is no file {said.setup_file}.")


def pool_is_in_reach(said: ClusterSettings) -> bool:
    """Return whether the worker pool can be called from here: elsewhere, localhost is another."""
    return is_here(str(said.master)) or not is_here(said.worker_pool)


def _remedy(cluster: Cluster) -> str:
    return f"taxiway run --engine local, or correct [beam.{cluster.name}] (docs/engines.md)"
