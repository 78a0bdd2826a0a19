"""HAProxy's agent-checks, answered here for all nodes."""
