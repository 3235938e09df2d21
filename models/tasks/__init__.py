"""Learning tasks: loss, metrics and checks of a binary label."""
