"""Contract checks: does a running server keep its promises?"""
