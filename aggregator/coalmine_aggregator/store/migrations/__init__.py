"""Schema changes, run at every open; each is a file in `versions`."""
