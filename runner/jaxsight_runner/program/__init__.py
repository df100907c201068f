"""The function with its arguments, compiled, and the texts of what it was compiled to."""
