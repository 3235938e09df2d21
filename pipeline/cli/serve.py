"""`taxiway serve`: a model server with TensorFlow Serving's flags."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import load, settings_option, workspace_option
from pipeline.cli.terminal import silence_libraries
from pipeline.errors import InfrastructureError, UsageError

if TYPE_CHECKING:
    from serving.server.server import ModelServer

_REAL = "tensorflow_model_server"
_PORTS = {"port": "8500", "rest_api_port": "8501"}
_POLL = "--model_config_file_poll_wait_seconds=1"
_LABELS = "--allow_version_labels_for_unavailable_models=true"


class _WithServersFlags(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from serving.server.options import described

        with formatter.section("TensorFlow Serving's flags"):
            formatter.write_dl([(f"--{name}", text) for name, text in described().items()])


@click.command(
    cls=_WithServersFlags,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    options_metavar="[OPTIONS] [TENSORFLOW SERVING'S FLAGS]",
)
@click.option(
    "--backend",
    type=click.Choice(["local", _REAL, "docker"]),
    default="local",
    show_default=True,
    help="Server: Taxiway's own, or TensorFlow Serving on PATH or in Docker.",
)
@click.option(
    "--image",
    default="tensorflow/serving:2.19.1",
    show_default=True,
    help="Image for --backend docker.",
)
@settings_option
@workspace_option
@click.pass_context
def serve(
    context: click.Context,
    backend: str,
    image: str,
    settings_file: Path | None,
    workspace: Path | None,
) -> None:
    """Serve models over gRPC and REST, as TensorFlow Serving does.

    Without a flag that names a model, the command serves the workspace's model. The default ports
    are 8500 (gRPC, --port) and 8501 (REST, --rest_api_port).
    """
    args = list(context.args)
    if not _has_flag(args, "model_base_path") and not _has_flag(args, "model_config_file"):
        args = [*_workspace_flags(settings_file, workspace), *args]
    for name, value in _PORTS.items():
        if not _has_flag(args, name):
            args.append(f"--{name}={value}")
    if backend == _REAL:
        program = shutil.which(_REAL)
        if program is None:
            raise UsageError(f"{_REAL} is not on PATH.", "remove --backend")
        os.execv(program, [_REAL, *args])
    if backend == "docker":
        program = shutil.which("docker")
        if program is None:
            raise UsageError("docker is not on PATH.", "remove --backend")
        os.execv(program, _docker_command(args, image))
    _serve_here(args)


def _workspace_flags(settings_file: Path | None, workspace: Path | None) -> list[str]:
    from pipeline.registry.errors import as_cli_errors
    from pipeline.workspace import Workspace
    from serving.store import aliases, model_config, publish

    settings = load(settings_file, workspace)
    base = Workspace(settings.workspace, settings.name).model_base
    if not publish.versions(base):
        raise UsageError(f"{base}: no version is published yet.", "taxiway run")
    config = base.parent / model_config.CONFIG
    if config.exists() and settings.publish.base_path is None:
        with as_cli_errors():
            aliases.relocate(base)
        return [f"--model_config_file={config}", _POLL, _LABELS]
    return [f"--model_name={base.name}", f"--model_base_path={base}"]


def _has_flag(args: Sequence[str], flag: str) -> bool:
    return any(arg.lstrip("-").partition("=")[0] == flag for arg in args)


def _flag_value(args: Sequence[str], flag: str) -> str:
    for index, arg in enumerate(args):
        name, separator, value = arg.lstrip("-").partition("=")
        if name == flag:
            return value if separator else args[index + 1]
    return ""


def _docker_command(args: Sequence[str], image: str) -> list[str]:
    """Return a command that mounts the folders of the flags, and publishes the ports locally."""
    command = ["docker", "run", "--rm", "--init"]
    for flag in _PORTS:
        port = _flag_value(args, flag)
        command += ["--publish", f"127.0.0.1:{port}:{port}"]
    for flag in ("model_base_path", "model_config_file"):
        if _has_flag(args, flag):
            path = Path(_flag_value(args, flag)).resolve()
            folder = path if path.is_dir() else path.parent
            command += ["--mount", f"type=bind,source={folder},target={folder},readonly"]
    return [*command, "--entrypoint", _REAL, image, *args]


def _serve_here(args: Sequence[str]) -> None:
    from serving.server.errors import Code, ServingError
    from serving.server.listening import AddressUnusable
    from serving.server.options import UnusableFlags, parse

    try:
        options = parse(args)
    except UnusableFlags as error:
        end = "" if str(error).endswith("?") else "."
        raise UsageError(f"{error}{end}", "taxiway serve --help") from error
    silence_libraries()
    from serving.server import server  # TensorFlow takes seconds to import

    try:
        server.main(options, _report_start)
    except AddressUnusable as error:
        kind = InfrastructureError if error.in_use else UsageError
        raise kind(f"{error}.", error.next_step) from error
    except OSError as error:
        path = f"{error.filename}: " if error.filename else ""
        raise InfrastructureError(
            f"{path}{error.strerror or error}.", "taxiway serve --help"
        ) from error
    except ServingError as error:
        if error.code == Code.UNKNOWN:  # the flags are valid, but the models cannot be served
            raise InfrastructureError(f"{error.message}.", "taxiway registry verify") from error
        raise UsageError(f"{error.message}.", "taxiway serve --help") from error


def _report_start(server: ModelServer) -> None:
    for name, base in server.without_versions().items():
        missing = "there is no version in" if base.is_dir() else "there is no folder"
        click.echo(f"Waiting for model {name}: {missing} {base}.", err=True)
    rest = "" if server.rest_port is None else f", REST on {server.rest_port}"
    click.echo(f"Serving: gRPC on {server.port}{rest}. End with Ctrl-C.")
