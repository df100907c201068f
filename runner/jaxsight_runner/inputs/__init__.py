"""What the user says about inputs, and the values made from it."""
