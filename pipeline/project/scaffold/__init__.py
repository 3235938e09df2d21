"""Write the files of a new project from a table: `taxiway init`."""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import UsageError
from pipeline.project.scaffold import files
from pipeline.project.scaffold.proposal import Proposal, Request, propose
from pipeline.project.scaffold.render import workflow

__all__ = ["Proposal", "Request", "create"]

_FILES = ("taxiway.toml", "features.toml", "schema.pbtxt", "policy.toml")
_WORKFLOWS = {"github": {".github/workflows/train.yml": "train.yml"}}


def create(
    request: Request,
    *,
    ci: str | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Proposal:
    """Write the files of a project for a table.

    Args:
      request: what the user asks for.
      ci: service to add workflows for, `github`; default None.
      force: whether to replace existing files; default False.
      dry_run: whether to write nothing; default False.

    Returns:
      The files and the reasons.

    Raises:
      UsageError: a file exists, the table has no such column, or no model can be trained on the
        label.
      DataRefused: the table cannot be read.
      InfrastructureError: a file cannot be written.
    """
    _refuse_inside_data(request)
    workflows = _WORKFLOWS[ci] if ci else {}
    if not dry_run:
        # The table may be large, so the cheap check comes first.
        files.refuse_existing(request.folder, [*_FILES, *workflows], force)
    proposal = propose(request)
    contents = proposal.contents | {
        name: workflow(template) for name, template in workflows.items()
    }
    proposal = replace(proposal, contents=contents)
    if not dry_run:
        files.create(request.folder, contents, force)
    return proposal


def _refuse_inside_data(request: Request) -> None:
    if request.data.is_dir() and request.folder.is_relative_to(request.data):
        raise UsageError(
            f"{request.folder}: the project cannot be in the folder of the data, because Taxiway "
            "would read its own workspace as data.",
            "choose another folder with --dir",
        )
