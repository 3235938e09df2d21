"""Export of a published version as an ONNX model in Triton's repository layout."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InfrastructureError, UsageError
from pipeline.registry.errors import as_cli_errors
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from serving.onnx.agreement import Agreement

# Rows of the eval split that ONNX Runtime and TensorFlow are compared on.
_ROWS = 10_000


def export_onnx(
    settings: Settings, workspace: Workspace, folder: Path, repository: Path
) -> dict[str, Any]:
    """Write a version's network as an ONNX model that answers real rows as TensorFlow does.

    Args:
      settings: settings of the pipeline, which name the features file.
      workspace: workspace of the runs, whose newest eval split is compared.
      folder: folder of the published version.
      repository: Triton's model repository to write to.

    Returns:
      The paths of the model and its configuration, the facts stored in the model, and the
      figures of the comparison.

    Raises:
      UsageError: there is no eval split, the signature cannot be converted, or the repository
        holds another export.
      NotBlessed: ONNX Runtime answers differently from TensorFlow.
      InfrastructureError: the version differs from its manifest, or the repository cannot be
        written.
    """
    # TensorFlow and tf2onnx take seconds to import.
    from serving.onnx import agreement, convert, triton
    from serving.store import manifest as manifests
    from serving.store import publish

    problems = publish.verify_hashes(folder)
    if problems:
        raise InfrastructureError(f"{'; '.join(problems)}.", "taxiway registry verify")
    try:
        with as_cli_errors():
            manifest = manifests.read(folder)
            facts = {
                "model_id": manifest.model_id,
                "opset": str(convert.OPSET),
                "signature": convert.SIGNATURE,
                "tf2onnx": metadata.version("tf2onnx"),
                "version": folder.name,
            }
            rows = _load_rows(settings, workspace, folder)
            model = convert.convert(folder, facts)
            agreed: Agreement = agreement.compare(folder, convert.SIGNATURE, model, rows)
            written = triton.write(repository, manifest.name, manifest.version, model, facts)
    except OSError as error:
        raise InfrastructureError(
            f"{repository}: {error.strerror or error}.", "choose another folder with --output"
        ) from error
    base = repository / manifest.name
    return {
        "written": written,
        "model": str(base / folder.name / triton.MODEL),
        "config": str(base / triton.CONFIG),
        "bytes": len(model),
        **facts,
        "rows": agreed.rows,
        "difference": agreed.difference,
        "tensorflow_us": agreed.tensorflow_us,
        "onnx_us": agreed.onnx_us,
    }


def _load_rows(settings: Settings, workspace: Workspace, folder: Path) -> dict[str, Any]:
    """Return rows of the newest eval split, transformed as the network expects them."""
    import tensorflow as tf

    from models import requests, tfrecords
    from models.features import load as load_features

    splits = workspace.artifacts.glob("ExampleGen/examples/*/Split-eval")
    newest = max(splits, key=lambda split: int(split.parent.name), default=None)
    files = sorted(newest.iterdir()) if newest else []
    if not files:
        raise UsageError(
            f"{workspace.artifacts}: there is no eval split to compare with.", "taxiway run"
        )
    examples = list(tfrecords.read(files, _ROWS))
    transform = tf.saved_model.load(str(folder)).signatures["transform_features"]
    columns = transform(examples=tf.constant(examples))
    values = {name: value.numpy() for name, value in columns.items()}
    return dict(requests.matrix(values, load_features(settings.features)))
