"""A whole installation played in one thread: every step is chosen by one seeded random number."""
