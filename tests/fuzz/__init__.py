"""Hostile and broken requests on all routes of the relay, against a whole server.

`python -m tests.fuzz --requests 10000 --seed N` runs as many as you like; the suite runs a few.
"""
