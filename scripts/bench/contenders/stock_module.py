"""Transform and Trainer functions of the stock chain, as in TFX's tutorials."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.public import tfxio

from models import features as features_module
from models.training import network


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, Any]:
    """Prepare every feature with a separate analyzer.

    Args:
      inputs: raw columns by name.
      custom_config: configuration of the component, with the features file under `features`.

    Returns:
      Transformed columns by name.
    """
    features = features_module.from_config(custom_config)
    outputs = {}
    for name in features.numeric:
        column = _dense(inputs[name], 0)
        outputs[name] = tft.scale_to_z_score(tf.cast(column, tf.float32))
    for name, size in features.buckets.items():
        outputs[name] = tf.clip_by_value(_dense(inputs[name], size), 0, size)
    for name in features.categorical:
        outputs[name] = tft.compute_and_apply_vocabulary(
            _dense(inputs[name], ""),
            num_oov_buckets=1,
            frequency_threshold=features.min_frequency,
            vocab_filename=name,
        )
    outputs[features.label] = _dense(inputs[features.label], 0)
    return outputs


def run_fn(fn_args: Any) -> None:
    """Train on the transformed examples and export the model with its transform layer.

    Args:
      fn_args: TFX's arguments.
    """
    features = features_module.from_config(fn_args.custom_config)
    settings = fn_args.custom_config["train"]
    graph = tft.TFTransformOutput(fn_args.transform_output)
    keras.utils.set_random_seed(settings["seed"])

    def read(files: Any) -> tf.data.Dataset:
        return fn_args.data_accessor.tf_dataset_factory(
            files,
            tfxio.TensorFlowDatasetOptions(
                batch_size=settings["batch_size"], label_key=features.label
            ),
            graph.transformed_metadata.schema,
        )

    sizes = {name: graph.vocabulary_size_by_name(name) + 1 for name in features.categorical}
    scorer = network.build(features, sizes, settings["units"], settings["dropout"])
    columns = {name: keras.Input((1,), name=name) for name in features.inputs}
    model = keras.Model(columns, scorer(keras.layers.Concatenate()(list(columns.values()))))
    model.compile(
        keras.optimizers.Adam(settings["learning_rate"]),
        "binary_crossentropy",
        metrics=[keras.metrics.AUC(name="auc")],
    )
    model.fit(
        read(fn_args.train_files),
        steps_per_epoch=fn_args.train_steps,
        epochs=settings["epochs"],
        validation_data=read(fn_args.eval_files),
        validation_steps=fn_args.eval_steps,
        verbose=2,
    )
    servable = tf.Module()
    servable.model, servable.transform = model, graph.transform_features_layer()
    spec = graph.raw_feature_spec()
    spec.pop(features.label)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        transformed = servable.transform(tf.io.parse_example(examples, spec))
        return {"scores": servable.model({name: transformed[name] for name in features.inputs})}

    tf.saved_model.save(servable, fn_args.serving_model_dir, {"serving_default": serve})


def _dense(value: Any, default: Any) -> tf.Tensor:
    if isinstance(value, tf.SparseTensor):
        column = tf.SparseTensor(value.indices, value.values, [value.dense_shape[0], 1])
        return tf.sparse.to_dense(column, tf.cast(default, value.dtype))
    return value
