"""The agent: one datapoint a second to every endpoint, and a report of how each ended."""
