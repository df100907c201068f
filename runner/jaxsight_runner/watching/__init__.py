"""What JAX does behind a call: compiling again, moving values to the host."""
