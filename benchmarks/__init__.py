"""Measurements that are printed and never asserted."""
