"""The live page, its feed, the API, the probes and `/metrics`: they read a `View`, change nothing."""
