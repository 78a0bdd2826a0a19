"""Two aggregators that watch each other: who of them tells what. Pure."""
