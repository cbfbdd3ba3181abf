"""Programs that measure what a test cannot hold; `python -m benchmarks.NAME` from the checkout."""
