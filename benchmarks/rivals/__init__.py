"""The same features made by other means, each a program of its own: `compare.py` runs, measures and compares them."""
