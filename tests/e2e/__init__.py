"""The whole of it, end to end, against real servers."""
