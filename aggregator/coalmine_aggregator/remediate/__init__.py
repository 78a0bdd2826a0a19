"""Which nodes are to be out of service discovery, and what must never happen. Pure."""
