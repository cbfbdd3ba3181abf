"""One embedded engine for all tests; nothing here reaches a network or an unseeded generator."""

import ibis
import pytest


@pytest.fixture(scope="session", autouse=True)
def engine():
    """DuckDB in memory, the default backend of every expression."""
    connection = ibis.duckdb.connect(threads=2)
    ibis.set_backend(connection)
    return connection
