"""Compare both TFX lines: Python 3.10 with TFX 1.16, and 3.11 to 3.13 with TFX 1.21."""
