"""Packages Taxiway; Beam workers install it through this file (`--setup_file`)."""

from setuptools import setup

setup()
