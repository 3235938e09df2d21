"""Whether a new version becomes `stable` at once, and the policy of the server that loads it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pipeline.settings.publish import PublishSettings
from serving.errors import UnreadableManifest
from serving.store import manifest, model_config
from serving.store.manifest import Spans
from serving.store.model_config import ServerPolicy


def server_policy(
    publish: PublishSettings, sleep: Callable[[float], None] = time.sleep
) -> ServerPolicy:
    """Return the policy of the server that reads models.config.

    Args:
      publish: settings of publication.
      sleep: function that waits for a number of seconds; default `time.sleep`.
    """
    return ServerPolicy(
        base_path=publish.base_path,
        # If a user promotes versions, the next one must not be loaded before the promotion.
        preload_next=publish.promote,
        settle_seconds=publish.settle_seconds,
        sleep=sleep,
    )


def reason_to_wait(publish: PublishSettings, base: Path, spans: Spans) -> str:
    """Return why a new version does not become `stable` at once; "" when it does.

    Args:
      publish: settings of publication.
      base: TensorFlow Serving's model base path.
      spans: spans of the new version.
    """
    if not publish.promote:
        return "publish.promote is false"
    stable = model_config.load_served_model(base).aliases.get(model_config.STABLE)
    if stable is None or spans.eval is None:
        return ""
    try:
        stable_span = manifest.read(base / str(stable)).spans.eval
    except UnreadableManifest:
        return ""
    if stable_span is None or stable_span <= spans.eval:
        return ""
    return f"the stable version {stable} was evaluated on newer data (span {stable_span})"
