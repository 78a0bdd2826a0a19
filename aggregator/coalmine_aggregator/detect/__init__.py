"""Counts to statistics: what loss is beyond noise, and how sure that is. Pure."""
