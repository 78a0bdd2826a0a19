"""The alert that always fires: where it stops, nobody watches. Who waits for it tells that."""

from __future__ import annotations

from typing import Any, Final

from coalmine_aggregator.model.figures import utc
from coalmine_aggregator.notify.pulse import Pulse

NAME: Final = "Watchdog"

LEAST_S: Final = 60.0
"""It ends so long after it was last told, or after three rounds where those take longer."""

ROUNDS: Final = 3


class Watchdog:
    """Fires while `pulse` says that this aggregator counts."""

    def __init__(self, fleet: str, pulse: Pulse) -> None:
        self._fleet = fleet
        self._pulse = pulse
        self._since: float | None = None

    def alert(self, now: float, resend_s: float) -> dict[str, Any] | None:
        """The JSON object that Alertmanager takes; None while nobody counts."""
        if not self._pulse.counts():
            self._since = None
            return None
        if self._since is None:
            self._since = now
        return {
            "labels": {"alertname": NAME, "fleet": self._fleet, "severity": "none"},
            "annotations": {
                "summary": "Coalmine counts. This alert always fires; where it stops, nobody watches.",
            },
            "startsAt": utc(self._since),
            "endsAt": utc(now + max(LEAST_S, ROUNDS * resend_s)),
        }
