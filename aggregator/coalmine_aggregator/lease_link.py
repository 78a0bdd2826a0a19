"""The lease's way to the broker."""
