"""The main job on one machine: a fleet, a service, an aggregator, and ways to break things."""
