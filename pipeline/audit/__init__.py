"""The auditor's room: one signed folder of evidence a run, and what proves it right or wrong without trusting us."""
