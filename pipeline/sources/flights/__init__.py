"""The bundled data set: flights from New York City in 2013."""
