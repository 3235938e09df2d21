"""What the settings say of the TF Serving that follows the aliases."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.settings import PublishSettings
from serving.aliases import Server


def server(publish: PublishSettings, sleep: Callable[[float], None] = time.sleep) -> Server:
    """Return how the file of aliases is written for it.

    Args:
      publish: settings.
      sleep: waits so many seconds.
    """
    return Server(
        base_path=publish.base_path,
        # Where a person decides, nothing is loaded before that.
        ahead=publish.promote,
        settle_seconds=publish.settle_seconds,
        sleep=sleep,
    )
