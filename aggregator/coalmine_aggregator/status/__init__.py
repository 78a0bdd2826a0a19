"""The public status page: what customers may know, and how it is shown."""
