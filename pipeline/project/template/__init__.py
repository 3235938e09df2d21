"""Code of this project; the settings name its functions and classes."""
