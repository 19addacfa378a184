"""The running engine: start, readiness, signals, drain, and the diagnosis of a death."""
