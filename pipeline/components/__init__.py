"""The components of the pipeline, one folder for each that is not a plain TFX component."""
