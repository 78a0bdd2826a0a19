"""Which open incidents nobody says anything of. Pure."""

from __future__ import annotations

from typing import Final

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.figures import span
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.incident import Incident

AWAY_S: Final = 5.0
"""The finding is away for so long each time it is to be told again: its alert closes and a new one
opens. Detectors' findings are asked for once a second."""


def reminder(incident: Incident, remind_s: float, now: float) -> Finding | None:
    """The finding at `now`; None where somebody said something in the last `remind_s`.

    It follows from the incident alone, so that a restart neither forgets nor repeats it."""
    if not incident.state.is_open or remind_s <= 0:
        return None
    silent_s = now - incident.told_at
    times, beyond_s = divmod(silent_s, remind_s)
    if times < 1 or (times > 1 and beyond_s < AWAY_S):
        return None
    number = incident.number
    return Finding(
        AlertClass.UPDATE_DUE,
        incident.service,
        f"incident-{number}",
        Severity.TICKET,
        (),
        int(incident.told_at),
        note=f"incident {number} has had no update for {span(times * remind_s)}: "
        f"coalmine incidents update {number}",
    )
