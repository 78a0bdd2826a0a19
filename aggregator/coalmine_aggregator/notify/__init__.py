"""Drains the outbox: one folder a receiver."""
