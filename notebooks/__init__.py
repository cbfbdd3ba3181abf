"""Nine stories in paired text form; `python -m notebooks` runs them."""
