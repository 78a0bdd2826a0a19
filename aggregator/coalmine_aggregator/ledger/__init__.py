"""The ledger: evidence of every expected datapoint, settled into exactly one fate. Pure."""
