"""Faults done to the product on purpose: kills, full disks, spoilt inputs, simultaneous and forbidden hands.

Each program counts only what hit its target and says how many did; the seed of a fault is its number, so that any one
of them can be done again alone. A small version of each runs with the tests (`tests/faults`); what the large ones found
is told in [docs/faults.md](../../docs/faults.md).
"""
