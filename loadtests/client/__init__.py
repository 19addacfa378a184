"""One request: bytes in, a finished record out."""
