"""Client libraries, unmodified, each in an environment of its own, against a whole server.

They are big, and cannot live in one environment: `make test-clients` installs and runs them.
"""
