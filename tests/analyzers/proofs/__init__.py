"""Fixes proved by JAX: what a program does before the fix, and what it does after."""
