"""SMS and voice, through a gateway that takes HTTP requests."""
