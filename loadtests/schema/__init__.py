"""What a run sends and must hold, read from files."""
