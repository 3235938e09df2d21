"""Parse the Dockerfile as BuildKit does, and run its steps without a container engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import dockerfile
from docker.utils.build import exclude_paths

from tests.conftest import PROJECT

FILE = PROJECT / "Dockerfile"

# Folders that the steps create; a test creates them under another root.
_CREATED = re.compile(r"(?<![\w./-])/(opt/taxiway|overlay|build|taxiway)(?![\w-])")
_BASE_PYTHON = "/usr/local/bin/python"
_UV = "/uv/bin/uv"


@dataclass(frozen=True)
class Stage:
    """A stage of the Dockerfile.

    Args:
      name: name of the stage; "" for the last.
      base: image or stage that the stage starts from.
      steps: steps of the stage.
    """

    name: str
    base: str
    steps: list[dockerfile.Command] = field(default_factory=list)

    def objects_of_kind(self, kind: str) -> list[dockerfile.Command]:
        """Return the steps of a kind.

        Args:
          kind: instruction, such as RUN.
        """
        return [step for step in self.steps if step.cmd.upper() == kind]

    def pairs(self, kind: str) -> dict[str, str]:
        """Return the values that the steps of a kind set, by name.

        Args:
          kind: instruction: LABEL or ENV.
        """
        tokens = [
            token for step in self.objects_of_kind(kind) for token in step.value if token != "="
        ]
        return {key: value.strip('"') for key, value in zip(tokens[::2], tokens[1::2])}


@cache
def parsed() -> tuple[dict[str, str], list[Stage]]:
    """Return the values of the arguments before the first stage, and the stages."""
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for step in dockerfile.parse_file(str(FILE)):
        if step.cmd.upper() == "FROM":
            base, *rest = step.value
            stages.append(Stage(rest[1] if rest else "", base))
        elif stages:
            stages[-1].steps.append(step)
        else:
            name, _, value = step.value[0].partition("=")
            arguments[name] = value
    return arguments, stages


def build_context(folder: Path) -> set[str]:
    """Return the files of the build context, with .dockerignore read by Docker's code.

    Docker always sends Dockerfile and .dockerignore and no step copies them, so they are left out.

    Args:
      folder: folder with a clone of the project.
    """
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    names = exclude_paths(str(folder), patterns)
    return {name for name in names if Path(folder, name).is_file()} - {
        "Dockerfile",
        ".dockerignore",
    }


class Image:
    """The image of the Dockerfile, in a folder that replaces the root of the file system.

    Two steps are left out: Debian's packages are those of this machine, and the locked packages are
    not compiled: their bytecode is that of the tests' environment, because compiling is slow.

    Args:
      root: new folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment: dict[str, str] = {}

    def build(self, context: Path) -> None:
        """Run the steps of the Dockerfile.

        Args:
          context: folder with the files of the build context.
        """
        _, stages = parsed()
        for stage in stages:
            self.environment = {}
            for step in stage.steps:
                self._execute(step, context)
        for name in ("build", "overlay"):  # these folders belong to other stages
            shutil.rmtree(self.root / name)

    def run(self, *args: str, cwd: str = "/taxiway") -> subprocess.CompletedProcess[str]:
        """Run a command as a container does, without this process's environment variables.

        Args:
          args: command and its arguments.
          cwd: working folder in the image; default /taxiway.
        """
        environment = {name: self.path(value) for name, value in self.environment.items()}
        program = shutil.which(args[0], path=environment["PATH"])
        assert program is not None, args[0]
        return subprocess.run(
            [program, *args[1:]], cwd=self.path(cwd), env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def path(self, text: str) -> str:
        """Return a text in which the paths of created folders start at this image's root.

        Args:
          text: path or command of the Dockerfile.
        """
        return _CREATED.sub(lambda match: str(self.root / match[1]), text)

    def _execute(self, step: dockerfile.Command, context: Path) -> None:
        match step.cmd.upper():
            case "ENV":
                tokens = [token for token in step.value if token != "="]
                self.environment |= zip(tokens[::2], tokens[1::2])
            case "COPY":
                self._copy(step, context)
            case "WORKDIR":
                Path(self.path(step.value[0])).mkdir(parents=True, exist_ok=True)
            case "RUN" if _UV in (command := step.value[0]) and "venv /uv" not in command:
                self._run_step(command)

    def _copy(self, step: dockerfile.Command, context: Path) -> None:
        *sources, target = step.value
        destination = Path(self.path(target))
        if step.flags:
            [source] = sources
            if source != target:  # stages share this root
                shutil.copytree(self.path(source), destination, symlinks=True, dirs_exist_ok=True)
            return
        for source in sources:
            for file in self._matches(context, source):
                # Docker copies a file into a target with a final slash, and a folder's content.
                into_folder = target.endswith("/") and file.is_file()
                path = destination / file.name if into_folder else destination
                path.parent.mkdir(parents=True, exist_ok=True)
                if file.is_dir():
                    shutil.copytree(file, path, dirs_exist_ok=True)
                else:
                    shutil.copy2(file, path)

    @staticmethod
    def _matches(context: Path, pattern: str) -> Iterator[Path]:
        paths = [context] if pattern == "." else sorted(context.glob(pattern))
        assert paths, f"COPY {pattern}: nothing to copy"
        yield from paths

    def _run_step(self, command: str) -> None:
        if "--requirement" in command:
            command = command.replace("--compile-bytecode ", "")
        python = Path(sys.base_prefix, "bin", Path(sys.executable).resolve().name)
        command = self.path(command).replace(_BASE_PYTHON, str(python))
        command = command.replace(_UV, str(PROJECT / ".uv" / "bin" / "uv"))
        # uv uses this machine's cache and package index, so it gets this process's environment.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            ["/bin/sh", "-ec", command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if "--requirement" in command:
            self._link_bytecode()

    def _link_bytecode(self) -> None:
        """Take the bytecode of the same packages from the environment of the tests.

        Python ignores what belongs to another version of a module.
        """
        tests = Path(sysconfig.get_paths()["purelib"])
        image = Path(self.path("/opt/taxiway"), "lib/python3.10/site-packages")
        for compiled in tests.rglob("__pycache__/*.pyc"):
            source = compiled.parents[1] / f"{compiled.name.partition('.')[0]}.py"
            copy = image / compiled.relative_to(tests)
            if (image / source.relative_to(tests)).is_file() and not copy.exists():
                copy.parent.mkdir(exist_ok=True)
                try:
                    copy.hardlink_to(compiled)
                except OSError:  # another file system
                    shutil.copy2(compiled, copy)
