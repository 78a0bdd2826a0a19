"""What the web part needs to know beside the view: who may come in, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coalmine_aggregator.access.settings import AccessSettings
from coalmine_aggregator.web.provider_hook import ProviderHook
from coalmine_aggregator.web.service_targets import ServiceTargets


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """Bounds and access; the defaults suit a listener on loopback.

    `access` says who may come in (nothing: everybody who reaches the listener). `hosts` are names under
    which people reach the page; `localhost` and literal addresses always are. `secure` says that the
    listener speaks TLS. `max_groups` bounds the grid's cells, `max_viewers` the open live feeds.
    `hooks` are the webhooks of providers by kind and receiver, `targets` knows who serves (None: nobody
    asks).
    `fates_window_s` is what the page's totals cover, `lines_s` how much of the sum rates it draws.
    """

    access: AccessSettings = field(default_factory=AccessSettings)
    hosts: tuple[str, ...] = ()
    secure: bool = False
    hooks: Mapping[tuple[str, str], ProviderHook] = field(default_factory=dict)
    targets: ServiceTargets | None = None
    max_viewers: int = 256
    max_groups: int = 600
    fates_window_s: int = 300
    lines_s: int = 300
