"""The public status page as a process of its own: reads the store, shows what is public, exports it."""
