"""Read a package with the newest SDK of Kubeflow Pipelines and print the result.

That SDK requires a newer protobuf than TFX 1.16, so this runs in a separate environment.
"""

from __future__ import annotations

import json
import sys

from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes

read = components.load_component_from_file(sys.argv[1])
pods = json_format.MessageToDict(read.platform_spec)["platforms"]["kubernetes"]["deploymentSpec"]
for pod in pods["executors"].values():
    # Raises at an unknown field.
    json_format.ParseDict(pod, kubernetes.KubernetesExecutorConfig())
print(
    json.dumps(
        {
            "pipeline": json_format.MessageToDict(read.pipeline_spec),
            "platform": json_format.MessageToDict(read.platform_spec),
        }
    )
)
