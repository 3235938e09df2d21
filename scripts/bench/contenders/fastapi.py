"""A typical handwritten FastAPI endpoint, around Keras's `predict`."""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "0"

import keras
import numpy as np
import tensorflow as tf
import uvicorn
from fastapi import FastAPI

_SIGNATURE = "serving_tensors"


class Served(keras.Model):
    """A Keras model around a signature; it keeps the loaded object, which owns the weights."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.loaded = tf.saved_model.load(folder)
        self.signature = self.loaded.signatures[_SIGNATURE]

    def call(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Return the scores of rows.

        Args:
          inputs: raw columns by name, each [rows].
        """
        return self.signature(**inputs)["scores"]


def application(folder: str) -> FastAPI:
    """Return the endpoint of a SavedModel.

    Args:
      folder: path of the SavedModel.
    """
    model = Served(folder)
    types = {
        name: spec.dtype for name, spec in model.signature.structured_input_signature[1].items()
    }
    app = FastAPI()

    @app.post("/predict")
    async def predict(columns: dict[str, list[Any]]) -> dict[str, list[float]]:
        arrays = {
            name: tf.constant(
                [float("nan") if value is None else value for value in columns[name]], kind
            )
            for name, kind in types.items()
        }
        rows = len(next(iter(columns.values())))
        scores = model.predict(arrays, batch_size=rows, verbose=0)
        return {"predictions": np.asarray(scores).reshape(-1).tolist()}

    return app


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), port=int(sys.argv[2]), log_level="warning")
