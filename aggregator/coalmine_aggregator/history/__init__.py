"""What is kept of every second: bytes, and what they say. Pure."""
