"""Opsgenie, whose alert API Jira Service Management took over."""
