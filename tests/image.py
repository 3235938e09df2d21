"""The Dockerfile as its builder reads it, and its steps carried out without an engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import dockerfile
from docker.utils.build import exclude_paths

from tests.conftest import PROJECT

FILE = PROJECT / "Dockerfile"

# Folders that the steps make; those of a test are elsewhere.
_MADE = re.compile(r"(?<![\w./-])/(opt/taxiway|overlay|build|taxiway)(?![\w-])")
_BASE_PYTHON = "/usr/local/bin/python"
_UV = "/uv/bin/uv"


@dataclass(frozen=True)
class Stage:
    """A part of a Dockerfile.

    Args:
      name: of the stage; empty for the last.
      base: image or stage that it begins with.
      steps: what follows.
    """

    name: str
    base: str
    steps: list[dockerfile.Command] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[dockerfile.Command]:
        """Return the steps of a kind, such as RUN."""
        return [step for step in self.steps if step.cmd.upper() == kind]

    def pairs(self, kind: str) -> dict[str, str]:
        """Return what LABEL or ENV set, by name."""
        words = [word for step in self.of_kind(kind) for word in step.value if word != "="]
        return {key: value.strip('"') for key, value in zip(words[::2], words[1::2])}


@cache
def parsed() -> tuple[dict[str, str], list[Stage]]:
    """Return the arguments that all stages see, with their values, and the stages."""
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


def sent(folder: Path) -> set[str]:
    """Return the files of a folder that a builder is given: .dockerignore, read by Docker's code.

    The two files that say how to build are sent always, and never copied.
    """
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    found = exclude_paths(str(folder), patterns)
    return {name for name in found if Path(folder, name).is_file()} - {
        "Dockerfile",
        ".dockerignore",
    }


class Image:
    """What the Dockerfile makes, in a folder that stands for the root of an image.

    Not done here: the installation of Debian's packages, in whose place this machine's are, and
    the compilation of the locked packages, whose bytecode would take longer than all the rest.

    Args:
      root: a new folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment: dict[str, str] = {}

    def build(self, context: Path) -> None:
        """Carry the steps out.

        Args:
          context: folder with the files that were sent.
        """
        _, stages = parsed()
        for stage in stages:
            self.environment = {}
            for step in stage.steps:
                self._carry_out(step, context)
        for name in ("build", "overlay"):  # are of other stages
            shutil.rmtree(self.root / name)

    def run(self, *words: str, cwd: str = "/taxiway") -> subprocess.CompletedProcess[str]:
        """Run a command as a container would, with nothing of this process's environment."""
        environment = {name: self.there(value) for name, value in self.environment.items()}
        program = shutil.which(words[0], path=environment["PATH"])
        assert program is not None, words[0]
        return subprocess.run(
            [program, *words[1:]], cwd=self.there(cwd), env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def there(self, text: str) -> str:
        """Return a text with the folders that are made at their places."""
        return _MADE.sub(lambda found: str(self.root / found[1]), text)

    def _carry_out(self, step: dockerfile.Command, context: Path) -> None:
        match step.cmd.upper():
            case "ENV":
                words = [word for word in step.value if word != "="]
                self.environment |= zip(words[::2], words[1::2])
            case "COPY":
                self._copy(step, context)
            case "WORKDIR":
                Path(self.there(step.value[0])).mkdir(parents=True, exist_ok=True)
            case "RUN" if _UV in (command := step.value[0]) and "venv /uv" not in command:
                self._run_step(command)

    def _copy(self, step: dockerfile.Command, context: Path) -> None:
        *sources, target = step.value
        there = Path(self.there(target))
        if step.flags:
            [source] = sources
            if source != target:  # stages share this root
                shutil.copytree(self.there(source), there, symlinks=True, dirs_exist_ok=True)
            return
        for source in sources:
            for file in self._found(context, source):
                # As Docker has it: into what ends with a slash, and a folder's content.
                whole = target.endswith("/") or file.is_dir()
                place = there / file.name if whole and file.is_file() else there
                place.parent.mkdir(parents=True, exist_ok=True)
                if file.is_dir():
                    shutil.copytree(file, place, dirs_exist_ok=True)
                else:
                    shutil.copy2(file, place)

    @staticmethod
    def _found(context: Path, pattern: str) -> Iterator[Path]:
        found = [context] if pattern == "." else sorted(context.glob(pattern))
        assert found, f"COPY {pattern}: nothing to copy"
        yield from found

    def _run_step(self, command: str) -> None:
        if "--requirement" in command:
            command = command.replace("--compile-bytecode ", "")
        python = Path(sys.base_prefix, "bin", Path(sys.executable).resolve().name)
        command = self.there(command).replace(_BASE_PYTHON, str(python))
        command = command.replace(_UV, str(PROJECT / ".uv" / "bin" / "uv"))
        # Not the stage's: uv may use its cache, and reaches packages as it does on this machine.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            ["/bin/sh", "-ec", command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
