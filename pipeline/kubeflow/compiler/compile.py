"""Compile a pipeline to a Kubeflow package that runs the same graph as `taxiway run`."""

from __future__ import annotations

import json
from collections.abc import Set
from pathlib import Path

from tfx.dsl.compiler import compiler
from tfx.proto.orchestration import pipeline_pb2

from pipeline.beam import check as engine
from pipeline.errors import UsageError
from pipeline.kubeflow import names
from pipeline.kubeflow.compiler import check, node_specs, resources
from pipeline.kubeflow.compiler.package import Package, Parameter, Task, build
from pipeline.kubeflow.encoding import encode
from pipeline.kubeflow.placing import apply_layout
from pipeline.pipeline import create_pipeline
from pipeline.project import files as project
from pipeline.project.files import Project
from pipeline.settings.kubeflow import KubeflowSettings
from pipeline.settings.loading import absolute
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from pipeline.sources.layout import Layout

# A placeholder, because the data is laid out when a run starts and not when it is compiled.
_NO_DATA = Layout(1, (0,), Path("/"))


def compile_package(local: Settings, plain: Settings) -> Package:
    """Compile the pipeline for Kubeflow, without a cluster, a bucket or a network.

    Args:
      local: settings with the paths of this machine, to read the project's files.
      plain: the same settings with paths as they are written.

    Returns:
      A package without problems.

    Raises:
      UsageError: a file is missing or invalid, no image is set, or KFP would refuse the package.
    """
    resources.require_image(local.kubeflow)
    engine.check_settings(local.beam)
    files = project.load(local)
    package = _build(container_settings(plain), files, local.kubeflow, local.metadata)
    problems = check.find_problems(package)
    if problems:
        raise UsageError(
            f"Kubeflow Pipelines would refuse the package: {'; '.join(problems)}.",
            "fix [kubeflow], or make the settings or the features file smaller",
        )
    return package


def container_settings(plain: Settings) -> Settings:
    """Return the settings of a task: paths in its container, no secrets, no database.

    Args:
      plain: settings with paths as they are written.
    """
    kubeflow = plain.kubeflow
    task_settings = plain.model_copy(
        update={
            "workspace": kubeflow.workspace,
            "metadata": MetadataSettings(),
            "kubeflow": KubeflowSettings(timeout_seconds=_longest_timeout(kubeflow)),
        }
    )
    return absolute(task_settings, kubeflow.project)


def compile_variants(settings: Settings, files: Project) -> dict[str, pipeline_pb2.Pipeline]:
    """Return the compiled pipeline by variant, with a placeholder for the data.

    Args:
      settings: settings of a task.
      files: features, schema and policy of the project.
    """
    # The request logs are in the cluster, so this machine cannot read them.
    source = settings.source.model_copy(update={"serving_logs": None})
    settings = settings.model_copy(update={"source": source})
    irs: dict[str, pipeline_pb2.Pipeline] = {}
    for variant in node_specs.VARIANTS:
        pipeline = create_pipeline(settings, files.features, files.policy, _NO_DATA, variant)
        ir = compiler.Compiler().compile(pipeline)
        apply_layout(ir, settings, _NO_DATA, code_hash="")
        irs[variant] = ir
    return irs


def _build(
    settings: Settings, files: Project, kubeflow: KubeflowSettings, database: MetadataSettings
) -> Package:
    irs = compile_variants(settings, files)
    upstream = {
        variant: {
            node.pipeline_node.node_info.id: sorted(node.pipeline_node.upstream_nodes)
            for node in ir.nodes
        }
        for variant, ir in irs.items()
    }
    common_args = ["--settings", encode(_as_json(settings).encode())]
    upstream_of_any: dict[str, set[str]] = {}
    for graph in upstream.values():
        for node, upstream_nodes in graph.items():
            upstream_of_any.setdefault(node, set()).update(upstream_nodes)
    _check_components(kubeflow, upstream_of_any.keys())

    def task(node: str, after: set[str], args: list[str], parameters: bool = False) -> Task:
        requested = resources.task_resources(node, kubeflow)
        return Task(node, sorted(after), [*common_args, *args], requested, parameters)

    tasks = [task(names.START, set(), [], parameters=True)]
    for node, before in upstream_of_any.items():
        encoded = node_specs.encode_shared(
            {
                variant: node_specs.node_spec(ir, node)
                for variant, ir in irs.items()
                if node in upstream[variant]
            }
        )
        args = [arg for pair in encoded.items() for arg in ("--ir", *pair)]
        # Start creates the database, so nodes without upstream nodes wait for Start.
        tasks.append(task(node, before or {names.START}, args))
    encoded_graph = encode(json.dumps(upstream, sort_keys=True).encode())
    last = task(names.RECORD, set(), ["--graph", encoded_graph])
    return build(settings.name, tasks, last, _parameters(settings), kubeflow, database)


def _check_components(kubeflow: KubeflowSettings, nodes: Set[str]) -> None:
    unknown = sorted(kubeflow.components.keys() - nodes - {names.START, names.RECORD})
    if unknown:
        raise UsageError(
            f"kubeflow.components: there is no component {unknown[0]}; "
            f"there are {', '.join(sorted(nodes))}, {names.START} and {names.RECORD}."
        )


def _as_json(settings: Settings) -> str:
    values = settings.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _longest_timeout(kubeflow: KubeflowSettings) -> int:
    """Return the longest time limit of any task, in seconds."""
    own = [component.timeout_seconds or 0 for component in kubeflow.components.values()]
    return max(kubeflow.timeout_seconds, *own, 0)


def _parameters(settings: Settings) -> dict[str, Parameter]:
    source = settings.source
    return {
        names.SPAN: Parameter(
            "NUMBER_INTEGER", float(source.span or 0), "span to evaluate on; 0 for the newest"
        ),
        names.WINDOW: Parameter(
            "NUMBER_INTEGER", float(source.window), "number of earlier spans to train on"
        ),
        names.DATA_ROOT: Parameter(
            "STRING", str(source.path or ""), "folder of the source's files, if it reads files"
        ),
        names.TUNE: Parameter("BOOLEAN", False, "search for better training settings first"),
        names.WARM_START: Parameter(
            "BOOLEAN", False, "continue from the weights of the latest blessed model"
        ),
        names.NO_BASELINE: Parameter(
            "BOOLEAN", False, "publish without a comparison with the latest blessed model"
        ),
        names.PROMOTE: Parameter(
            "BOOLEAN", settings.publish.promote, "point `stable` at a new version automatically"
        ),
    }
