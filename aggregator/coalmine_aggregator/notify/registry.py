"""Every kind of receiver, by its settings. A new kind is a folder and a line here."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp

from coalmine_aggregator.notify.alertmanager.receiver import Alertmanager
from coalmine_aggregator.notify.alertmanager.watchdog import Watchdog
from coalmine_aggregator.notify.chat.receiver import Chat
from coalmine_aggregator.notify.gateway.receiver import Gateway
from coalmine_aggregator.notify.gateway.settings import GatewaySettings
from coalmine_aggregator.notify.guarded import guarded
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.jira.receiver import Jira
from coalmine_aggregator.notify.mail.receiver import Mail
from coalmine_aggregator.notify.opsgenie.receiver import Opsgenie
from coalmine_aggregator.notify.pagerduty.receiver import PagerDuty
from coalmine_aggregator.notify.receiver import Receiver
from coalmine_aggregator.notify.settings import NotifySettings
from coalmine_aggregator.notify.targets import target_of
from coalmine_aggregator.notify.trace import Say, tracing
from coalmine_aggregator.notify.webhook.receiver import Webhook
from coalmine_aggregator.notify.webhook.settings import WebhookSettings
from coalmine_runtime.tls import TlsClientSettings, client_context


def receiver_of(
    entry: NotifySettings,
    session: aiohttp.ClientSession,
    watchdog: Watchdog | None = None,
    say: Say | None = None,
) -> Receiver:
    """The receiver that an entry describes; `say` is told of the steps of mail, and of sessions
    other than `session`. Raises `SettingError` for a `ca_file` that is none."""
    if entry.alertmanager is not None:
        client = Client(session, _trust(entry.alertmanager.ca_file))
        return Alertmanager(entry.alertmanager, client, watchdog)
    if entry.chat is not None:
        return Chat(entry.chat)
    if entry.gateway is not None:
        return Gateway(entry.gateway, _guarded(entry.gateway, say))
    if entry.jira is not None:
        return Jira(entry.jira, Client(session))
    if entry.mail is not None:
        return Mail(entry.mail, say)
    if entry.opsgenie is not None:
        return Opsgenie(entry.opsgenie, Client(session))
    if entry.pagerduty is not None:
        return PagerDuty(entry.pagerduty, Client(session))
    assert entry.webhook is not None
    return Webhook(entry.webhook, _guarded(entry.webhook, say))


def _guarded(settings: GatewaySettings | WebhookSettings, say: Say | None) -> Client:
    """A session of its own, which connects to what the settings allow and nothing else."""
    target = target_of(settings.url, private=settings.allow_private)
    traces = () if say is None else (tracing(say),)
    return Client(guarded(target, traces=traces), _trust(settings.ca_file), owned=True)


def _trust(ca_file: Path | None) -> ssl.SSLContext | None:
    return None if ca_file is None else client_context(TlsClientSettings(ca_file=ca_file))
