"""Pages: each view asks scope for what it shows, and nothing else for rows of families."""
