"""The shapes of what clients send to /api: one file per resource, all strict."""
