"""Runs a function without the rest of its file, where that is provably the same."""
