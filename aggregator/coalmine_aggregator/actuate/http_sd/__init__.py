"""Who gets traffic, asked for by Prometheus."""
