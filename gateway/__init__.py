"""Tollgate: from an HTTP request to a recorded charge."""

__version__ = "0.1.0"
