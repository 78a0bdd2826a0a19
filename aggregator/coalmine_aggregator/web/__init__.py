"""The live page, its feed, the API, `/metrics` and the probes: they read a `View`, change nothing."""
