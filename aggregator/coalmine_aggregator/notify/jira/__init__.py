"""Jira Service Management, its operations: what Opsgenie became."""
