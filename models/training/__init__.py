"""The parts of training: data set, network, search space and warm start."""
