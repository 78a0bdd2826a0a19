"""The seam at which a provider's webhook is understood. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from coalmine_aggregator.model.acknowledgement import Acknowledgement
from coalmine_aggregator.model.alerts import Alert


class ProviderHook(Protocol):
    """The webhook of one receiver."""

    @property
    def provider(self) -> str:
        """What people call it, such as PagerDuty."""

    def authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a request is from the provider; names of headers in any case."""

    def acknowledgement(self, body: bytes) -> Acknowledgement | None:
        """What the body says; None where it acknowledges nothing. Raises ValueError where it is none of
        the provider's."""

    def is_about(self, alert: Alert, key: str) -> bool:
        """Whether the provider knows the alert by this key."""
