"""Remediation as it runs: decisions to those who carry them out, people's word to the decisions."""
