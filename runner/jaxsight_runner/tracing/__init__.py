"""What local variables have while a function is traced."""
