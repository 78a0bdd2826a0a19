"""Health checks of Consul: told by TTL, or asked for over HTTP."""
