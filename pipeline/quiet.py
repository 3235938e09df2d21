"""Keep what libraries say on import off the terminal, where nothing else collects it."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def quieten() -> None:
    """Let TensorFlow and Google's libraries be silent; call it before they are imported.

    What goes wrong with a model is raised, and said in our words.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")


@contextmanager
def unheard() -> Iterator[None]:
    """Drop what native code says on stderr: newer releases of TensorFlow heed no setting."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
