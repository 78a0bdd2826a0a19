"""Tells Opsgenie."""

from __future__ import annotations

from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.jira.alert_api import AlertApi
from coalmine_aggregator.notify.opsgenie.settings import OpsgenieSettings


class Opsgenie(AlertApi):
    """One integration of an account."""

    def __init__(self, settings: OpsgenieSettings, client: Client) -> None:
        super().__init__(
            settings.url.text,
            settings.api_key.reveal(),
            client,
            [responder.field() for responder in settings.responders],
            settings.tags,
        )
