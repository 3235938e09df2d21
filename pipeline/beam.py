"""Beam's and TFX's hot spots on one machine."""


def install() -> None:
    """Do nothing yet."""
