"""A local server with the gRPC and REST interfaces of TensorFlow Serving."""
