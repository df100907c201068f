"""Derivatives from JAX and by differences, and how they compare."""
