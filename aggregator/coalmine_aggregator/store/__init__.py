"""History and outbox: what outlives the process. SQLite by default, by URL."""
