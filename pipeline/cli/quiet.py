"""Keep what libraries say on import off the terminal, where nothing else collects it."""

from __future__ import annotations

import logging
import os
import warnings


def quieten() -> None:
    """Let TensorFlow and Google's libraries be silent; call it before they are imported.

    What goes wrong with a model is raised, and said in our words.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
