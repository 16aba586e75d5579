"""Reliability reports: evidence for phases, canaries and rollbacks.

This module imports nothing heavy, so that the command line starts fast.
"""

__version__ = "0.1.0"
