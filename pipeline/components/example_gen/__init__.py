"""ExampleGen with an executor that converts Parquet to tf.Examples with Arrow."""
