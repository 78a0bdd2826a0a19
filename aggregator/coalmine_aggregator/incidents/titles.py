"""What an incident is called until somebody titles it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from coalmine_aggregator.incidents.written import MAX_TITLE
from coalmine_aggregator.model.alert_headline import alert_title, by_weight
from coalmine_aggregator.model.alerts import Alert


def title_of(alerts: Iterable[Alert]) -> str:
    """What the worst alert is called; empty where there are none."""
    worst = min(alerts, key=by_weight, default=None)
    return "" if worst is None else alert_title(worst)[:MAX_TITLE]
