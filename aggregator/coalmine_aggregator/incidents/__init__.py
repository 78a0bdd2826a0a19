"""What alerts become for people: one incident a cause, with timeline, states and write-up. Pure."""
