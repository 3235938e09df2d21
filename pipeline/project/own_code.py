"""Check the import paths that the settings name: the code exists and takes the right arguments."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.project import source_code
from pipeline.settings.sections import Settings

# TFX passes it to a preprocessing_fn that has such an argument.
_OPTIONAL = {"transform.preprocessing_fn": "custom_config"}


@dataclass(frozen=True)
class CodePath:
    """An import path of the settings.

    Args:
      setting: name of the setting, such as `train.run_fn`.
      path: import path, such as `models.trainer.run_fn`.
      arguments: names of the arguments that the function is called with; None for a class.
    """

    setting: str
    path: str
    arguments: tuple[str, ...] | None

    @property
    def module(self) -> str:
        """Module of the code."""
        return self.path.rpartition(".")[0]

    @property
    def is_own(self) -> bool:
        """Whether the code is the user's."""
        return self.path.partition(".")[0] not in source_code.TAXIWAY


def list_paths(settings: Settings) -> tuple[CodePath, ...]:
    """Return the import paths of the settings.

    Args:
      settings: settings of the pipeline.
    """
    transform, train, tune = settings.transform, settings.train, settings.tune
    evaluate = settings.evaluate
    return (
        CodePath("transform.preprocessing_fn", transform.preprocessing_fn, ("inputs",)),
        CodePath("train.run_fn", train.run_fn, ("fn_args",)),
        CodePath("tune.tuner_fn", tune.tuner_fn, ("fn_args",)),
        CodePath("evaluate.eval_config", evaluate.eval_config, ("features", "evaluate")),
        *(CodePath("evaluate.metrics", entry.metric, None) for entry in evaluate.metrics),
    )


def check(settings: Settings) -> None:
    """Check the import paths of the settings without importing the code.

    Args:
      settings: settings of the pipeline.

    Raises:
      UsageError: a path names nothing, or something that cannot be called as it will be.
    """
    for code in list_paths(settings):
        if code.is_own and os.pathsep in str(settings.code):
            raise UsageError(
                f"{settings.code}: own code cannot be in a folder whose path contains "
                f"{os.pathsep}, because Python separates folders by it.",
                "rename the folder",
            )
        try:
            problem = _problem(code)
        except SyntaxError as error:
            raise UsageError(
                f"{code.setting}: {error.filename}, line {error.lineno}, is not valid Python: "
                f"{error.msg}.",
                "fix that line",
            ) from error
        if problem:
            raise UsageError(f"{code.setting}: {problem}.", _next_step(code))


def check_tuner(settings: Settings) -> None:
    """Check that a search for hyperparameters searches the network that the Trainer trains.

    Args:
      settings: settings of the pipeline.

    Raises:
      UsageError: `run_fn` is the user's, and `tuner_fn` is Taxiway's.
    """
    _, run_fn, tuner_fn, *_ = list_paths(settings)
    if run_fn.is_own and not tuner_fn.is_own:
        raise UsageError(
            f"--tune: {tuner_fn.path} searches Taxiway's own network, but {run_fn.path} trains "
            "another.",
            "set tune.tuner_fn to a function of your own (docs/own-code.md), or remove --tune",
        )


def _problem(code: CodePath) -> str:
    """Return what is wrong with an import path; "" for nothing."""
    kind = "class" if code.arguments is None else "function"
    if source_code.find(code.module) is None:
        return f"there is no {kind} {code.path} because there is no module {code.module}"
    definition = _definition(code.module, code.path.rpartition(".")[2], set())
    if definition is None:
        return f"there is no {kind} {code.path}"
    if isinstance(definition, ast.ClassDef):
        return "" if code.arguments is None else f"{code.path} is a class; expected a function"
    if isinstance(definition, ast.AsyncFunctionDef):
        return f"{code.path} is an async function; expected a {kind}"
    if not isinstance(definition, ast.FunctionDef):
        return ""  # a value that only running the code reveals
    if code.arguments is None:
        return f"{code.path} is a function; expected a class"
    # A decorator may return a function with other arguments.
    return "" if definition.decorator_list else _argument_problem(code, definition.args)


def _argument_problem(code: CodePath, declared: ast.arguments) -> str:
    assert code.arguments is not None
    given = len(code.arguments)
    names = [arg.arg for arg in (*declared.posonlyargs, *declared.args)]
    further = _OPTIONAL.get(code.setting)
    optional = {*names[len(names) - len(declared.defaults) :], further}
    required = [name for name in names if name not in optional]
    keywords = [
        arg.arg
        for arg, default in zip(declared.kwonlyargs, declared.kw_defaults)
        if default is None and arg.arg != further
    ]
    fits = len(required) <= given and (len(names) >= given or declared.vararg is not None)
    if fits and not keywords:
        return ""
    return (
        f"{code.path} has the arguments ({', '.join([*names, *keywords])}); "
        f"expected ({', '.join(code.arguments)})"
    )


def _definition(module: str, name: str, visited: set[str]) -> ast.stmt | None:
    """Return the statement that defines a name of a module, also in the module it comes from."""
    file = source_code.find(module)
    if file is None or f"{module}.{name}" in visited:
        return None
    visited.add(f"{module}.{name}")
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    result: ast.stmt | None = None
    for statement in _statements(source_code.parse(file).body):
        if isinstance(statement, ast.ImportFrom):
            source = source_code.import_source(statement, package)
            for alias in statement.names if source else ():
                if (alias.asname or alias.name) == name:
                    # Code that is not Python, such as an extension module, cannot be inspected.
                    result = _definition(str(source), alias.name, visited) or (
                        None if source_code.find(str(source)) else statement
                    )
                elif alias.name == "*":
                    result = _definition(str(source), name, visited) or result
        elif name in _names(statement):
            result = statement
    return result


def _statements(body: Sequence[ast.stmt | ast.ExceptHandler]) -> Iterator[ast.stmt]:
    """Yield the statements that define names of a module, in order."""
    for statement in body:
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for field in ("body", "handlers", "orelse", "finalbody"):
                yield from _statements(getattr(statement, field, []))
        elif isinstance(statement, ast.ExceptHandler):
            yield from _statements(statement.body)
        else:
            yield statement


def _names(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return {
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
    if isinstance(statement, ast.Import):
        return {alias.asname or alias.name for alias in statement.names}
    return set()


def _next_step(code: CodePath) -> str:
    if not code.is_own:
        return (
            f"give your package another name than {code.path.partition('.')[0]}, which is a "
            "package of Taxiway, or fix the setting"
        )
    return "set it to package.module.name of code in the project's folder, or fix the code"
