"""The demo: faults, fleet, service under test, tally, table, and the whole of it."""
