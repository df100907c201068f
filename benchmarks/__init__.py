"""How fast it is, next to what people know: `python -m benchmarks`."""
