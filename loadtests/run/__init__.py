"""A run: prepared, sent, followed, and kept account of."""
