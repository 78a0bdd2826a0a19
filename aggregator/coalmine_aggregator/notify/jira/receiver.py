"""Tells Jira Service Management."""

from __future__ import annotations

from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.jira.alert_api import AlertApi
from coalmine_aggregator.notify.jira.settings import JiraSettings


class Jira(AlertApi):
    """One integration of a team's operations."""

    def __init__(self, settings: JiraSettings, client: Client) -> None:
        super().__init__(
            settings.url.text,
            settings.api_key.reveal(),
            client,
            [responder.field() for responder in settings.responders],
            settings.tags,
        )
