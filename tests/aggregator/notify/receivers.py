"""Settings of receivers, from YAML, as people write them."""

from __future__ import annotations

import base64
import dataclasses

from coalmine_aggregator.notify.settings import NotifySettings
from coalmine_runtime.settings import loads, setting
from tests.servers.pagerduty import ROUTING_KEY

SECRET = "whsec_" + base64.b64encode(b"n" * 32).decode()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Whole:
    notify: list[NotifySettings] = setting("Receivers", [])


def receivers(text: str) -> list[NotifySettings]:
    """The entries of a `notify:` list."""
    return loads(_Whole, f"notify:\n{text}", {}).notify


def pagerduty(url: str, name: str = "pd") -> list[NotifySettings]:
    """One PagerDuty service."""
    return receivers(f"  - {{name: {name}, pagerduty: {{routing_key: {ROUTING_KEY}, url: '{url}'}}}}")


def webhook(url: str, name: str = "hook") -> list[NotifySettings]:
    """One webhook."""
    return receivers(f"  - {{name: {name}, webhook: {{secret: '{SECRET}', url: '{url}'}}}}")
