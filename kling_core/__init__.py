"""Kling Core: direct several shots with the same people, places and voices, in one generation.

Importing this package is cheap on purpose: torch, opencv and PyAV are imported by the modules that need them.
"""

__version__ = "0.1.0"
