"""Chat, through apprise."""
