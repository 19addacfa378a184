"""Prompts of exact length, with needles and prefixes, built ahead of a run."""
