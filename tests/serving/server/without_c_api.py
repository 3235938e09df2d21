"""`taxiway serve` in a process where a symbol of TensorFlow's C API is missing."""

from __future__ import annotations

from pipeline.cli import main
from serving.server.servables import session

if __name__ == "__main__":
    session._FUNCTIONS["TF_NoSuchFunction"] = (None, [])
    main()
