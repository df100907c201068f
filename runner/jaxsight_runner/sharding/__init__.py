"""What becomes of a program on several devices: who computes what, who holds what, what is sent."""
