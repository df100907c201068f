"""Samples, what they tell, and two functions taking turns."""
