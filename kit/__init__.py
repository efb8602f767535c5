"""Stopwatch: an honest referee for training algorithms."""

__version__ = "0.1.0"
