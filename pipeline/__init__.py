"""Which families on PKH are likely to reach graduasi sejahtera mandiri within the horizon, and why.

simulate | a real extract -> source -> ingest -> cohort -> labels + features -> backtest, train, calibrate
-> evaluate, score, explain -> lists -> report, track. A step is a pure function from tables to a table;
a stage (stages.py) reads, calls and writes. The words are those of columns.py and tables.py.
"""
