"""Links from a message to the page. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.model.figures import utc


class Links(NamedTuple):
    """`base` is the page's public address; without one there are no links. `only` is the service that
    links need not name, since there is no other."""

    base: str = ""
    only: str = ""

    def view(self, alert: Alert) -> str:
        """The page as it stood when the trouble began, narrowed to the alert's scope:
        `https://coalmine.example/?at=2026-11-20T03:12:00Z&scope=protocol:udp,region:eu`, with the
        service before it where there are several. Empty without a base."""
        if not self.base:
            return ""
        named = alert.service == self.only or alert.service.startswith("_")
        pairs = alert.scope if named else (("service", alert.service), *alert.scope)
        scope = ",".join(f"{label}:{quote(value, safe='')}" for label, value in pairs)
        query = f"at={utc(float(alert.since))}" + (f"&scope={scope}" if scope else "")
        return f"{self.base.rstrip('/')}/?{query}"
