"""What a benchmark measures, or measures against, in a process of its own."""
