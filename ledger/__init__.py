"""The books: events, balances and proofs. Knows nothing of HTTP, Tornado or the gateway."""
