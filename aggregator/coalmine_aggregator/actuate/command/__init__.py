"""The full state to a program of the operator's, for everything that has no output of its own."""
