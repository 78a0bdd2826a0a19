"""What a provider's webhook is answered. Pure."""

from __future__ import annotations

from coalmine_aggregator.web.answers import Answer


class HookTaken(Answer):
    """`/api/v1/hooks/...`: the id of the alert that was acknowledged, or why the message changed
    nothing."""

    acknowledged: str
    ignored: str
