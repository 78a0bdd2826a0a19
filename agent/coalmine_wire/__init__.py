"""The contract between agents and aggregator: names, protocols, framing, reports, topics. Pure."""
