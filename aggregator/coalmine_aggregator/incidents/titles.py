"""What an incident is called until somebody titles it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from coalmine_aggregator.incidents.written import MAX_TITLE
from coalmine_aggregator.model.alert_headline import alert_headline, by_weight
from coalmine_aggregator.model.alerts import Alert, AlertClass
from coalmine_aggregator.model.counts import NOTHING

_ALL: Final = 0.99
"""As in headlines: a loss that began within the window is of nearly all."""


def title_of(alerts: Iterable[Alert]) -> str:
    """The worst alert's headline, without a share that changes each second; empty where there are
    none."""
    worst = min(alerts, key=by_weight, default=None)
    return "" if worst is None else _headline(worst)[:MAX_TITLE]


def _headline(alert: Alert) -> str:
    if alert.alert_class is not AlertClass.LOSS:
        return alert_headline(alert)
    text = alert_headline(alert._replace(counts=NOTHING))
    loss = alert.counts.loss
    if loss is None or loss >= _ALL:
        return text
    return f"Part of {text if text[:2].isupper() else text[:1].lower() + text[1:]}"
