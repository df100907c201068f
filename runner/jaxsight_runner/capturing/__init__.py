"""Watching a function while the user's own program runs, and saying what it was given."""
