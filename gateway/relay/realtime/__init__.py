"""Realtime sessions: a WebSocket on either side, and a charge for every response in between."""
