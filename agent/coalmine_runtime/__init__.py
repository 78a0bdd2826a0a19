"""Shared edges: configuration files, logging, MQTT, TLS, systemd, the clock."""
