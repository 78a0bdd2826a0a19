"""The aggregator: counts what arrived, settles fates, raises alerts."""
