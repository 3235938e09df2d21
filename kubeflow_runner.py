"""Run the pipeline on Kubeflow; the same as `taxiway kubeflow`."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    main(["kubeflow", *sys.argv[1:]])
