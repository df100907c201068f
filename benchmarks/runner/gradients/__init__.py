"""Functions with right and with planted wrong gradients, and how many of them are told apart."""
