"""The webhooks by which providers tell what people did there, by their settings."""

from __future__ import annotations

from collections.abc import Iterable

from coalmine_aggregator.notify.hook_secret import hook_secrets
from coalmine_aggregator.notify.jira.hook import AlertApiHook
from coalmine_aggregator.notify.pagerduty.hook import PagerDutyHook
from coalmine_aggregator.notify.settings import NotifySettings


def hooks_of(entries: Iterable[NotifySettings]) -> dict[tuple[str, str], PagerDutyHook | AlertApiHook]:
    """Those that have a secret, by kind and name of the receiver."""
    hooks: dict[tuple[str, str], PagerDutyHook | AlertApiHook] = {}
    for entry in entries:
        where = (entry.kind, entry.known_as)
        if entry.pagerduty is not None and entry.pagerduty.hook_secret is not None:
            hooks[where] = PagerDutyHook(hook_secrets(entry.pagerduty.hook_secret))
        if entry.opsgenie is not None and entry.opsgenie.hook_secret is not None:
            hooks[where] = AlertApiHook("Opsgenie", hook_secrets(entry.opsgenie.hook_secret))
        if entry.jira is not None and entry.jira.hook_secret is not None:
            hooks[where] = AlertApiHook("Jira", hook_secrets(entry.jira.hook_secret))
    return hooks
