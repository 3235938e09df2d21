"""What nearly every command and task imports: `tests.forks` imports it before it forks."""

# ruff: noqa: F401

from __future__ import annotations

import gc
import os

# TensorFlow reads it once, so a command that wants silence cannot ask for it after the fork.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_USE_LEGACY_KERAS"] = "0"

import tfx.components
import tfx.orchestration.portable.launcher

import models.evaluation
import models.preprocessing
import models.trainer
import pipeline.beam.patches
import pipeline.kubeflow.container.launch
import pipeline.kubeflow.container.record
import pipeline.local.runner
import pipeline.orchestration.outcomes
import pipeline.pipeline
import pipeline.report.page
import tests.forks

# Looking for garbage would copy the pages that the forked processes share.
gc.freeze()
