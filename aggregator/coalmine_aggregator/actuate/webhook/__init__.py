"""The full state to an HTTP endpoint, signed as Standard Webhooks describes."""
