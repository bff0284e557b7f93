"""Choosing channels, their health, and what follows from a failure."""
