"""When a new version gets the stable alias, and the TF Serving that follows the aliases."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pipeline.settings.publish import PublishSettings
from serving.errors import UnreadableManifest
from serving.store import manifest, model_config
from serving.store.manifest import Spans
from serving.store.model_config import ServerPolicy


def server(publish: PublishSettings, sleep: Callable[[float], None] = time.sleep) -> ServerPolicy:
    """Return how the file of aliases is written for it.

    Args:
      publish: settings.
      sleep: waits so many seconds.
    """
    return ServerPolicy(
        base_path=publish.base_path,
        # Where a person decides, nothing is loaded before that.
        preload_next=publish.promote,
        settle_seconds=publish.settle_seconds,
        sleep=sleep,
    )


def waits(publish: PublishSettings, base: Path, spans: Spans) -> str:
    """Say why a new version does not become stable by itself; "" when it does.

    Args:
      publish: settings.
      base: TF Serving's model base path.
      spans: of the new version.
    """
    if not publish.promote:
        return "publish.promote is false"
    stable = model_config.load_served_model(base).aliases.get(model_config.STABLE)
    if stable is None or spans.eval is None:
        return ""
    try:
        judged_on = manifest.read(base / str(stable)).spans.eval
    except UnreadableManifest:
        return ""
    if judged_on is None or judged_on <= spans.eval:
        return ""
    return f"version {stable}, which is stable, is of newer data (span {judged_on})"
