"""A webhook, signed as Standard Webhooks describes."""
