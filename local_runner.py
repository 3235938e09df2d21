"""Run the pipeline on this machine; the same as `taxiway run`."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    main(["run", *sys.argv[1:]])
