"""One task in several processes: their command lines, their supervisor, and what they tell put together."""
