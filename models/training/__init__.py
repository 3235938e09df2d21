"""The parts of training: data set, vocabularies, network, search space and warm start."""
