"""Moving in from a One API or new-api database: what is read there, and what becomes of it here."""
