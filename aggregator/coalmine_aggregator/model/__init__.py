"""Words as types: fates, counts, alerts, transitions. Pure."""
