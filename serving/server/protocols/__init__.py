"""Protocols of the server: TensorFlow Serving's REST and gRPC."""
