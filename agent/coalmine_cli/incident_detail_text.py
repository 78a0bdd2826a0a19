"""All that is known of an incident, laid out for a terminal of 80 columns. Pure. Times are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from coalmine_cli.alert_text import length, moment, scope_text
from coalmine_cli.incident_text import nobody, public_text, state_text, wrapped
from coalmine_cli.text_table import columns, percent
from coalmine_cli.told_incidents import Affected, Entry, Impact, Incident, IncidentDetail
from coalmine_runtime.printable import printable

_KINDS: Final = {
    "opened": "opened",
    "alert_opened": "alert opened",
    "scope_changed": "scope changed",
    "alert_closed": "alert closed",
    "titled": "called otherwise",
    "postmortem": "post-mortem",
}
"""Kinds that are told in other words."""

_MAX_SCOPES: Final = 20
_MAX_ENTRIES: Final = 200
"""As many are listed; the API has them all."""


def incident_text(told: IncidentDetail, entries: list[Entry]) -> list[str]:
    """How it stands, what it hit, its timeline (`entries`), and what may be done next."""
    incident = told.incident
    head = f"Incident {incident.number}: {incident.service}, {incident.severity}, "
    lines = [*wrapped(head + state_text(incident, told.now)), *wrapped(incident.title, "  ")]
    lines += _facts(_standing(told))
    if incident.impact is not None and incident.impact.cells:
        lines += ["", *_cells(incident.impact)]
    lines += ["", "Timeline (UTC)"]
    day = moment(incident.opened_at)[:10]
    if len(entries) > _MAX_ENTRIES:
        lines.append(f"  ({len(entries) - _MAX_ENTRIES:,} older entries are left out here)")
    for entry in entries[-_MAX_ENTRIES:]:
        date, _, clock = moment(entry.at).partition(" ")
        if date != day:
            lines.append(f"  {date}")
            day = date
        lines += _entry(entry, clock, incident.service)
    if told.public is not None:
        would = "Customers read" if incident.is_public else "Customers would read"
        lines += ["", would, *public_text(told.public)]
    return lines


def _standing(told: IncidentDetail) -> dict[str, str]:
    """Under the names of its facts; empty where there is nothing to say."""
    incident, number = told.incident, told.incident.number
    due = ""
    if incident.due_at is not None:
        when = incident.due_at - told.now
        due = f"due in {length(when)}" if when > 0 else f"was due {length(-when)} ago"
        due += f": coalmine incidents update {number}"
    written = any((told.postmortem.summary, told.postmortem.cause, told.postmortem.resolution))
    graphs = " and ".join(told.snapshots)
    return {
        "began": _began(incident),
        "taken": _taken(incident),
        "over": _over(incident),
        "lost": "" if incident.impact is None else _lost(incident.impact),
        "affected": "\n".join(_affected(incident)),
        "customers": _customers(incident),
        "update": due,
        "graphs": f"{graphs}: coalmine incidents snapshot {number} -o FILE" if graphs else "",
        "write-up": ""
        if incident.is_open or incident.merged_into is not None
        else f"{'' if written else 'none yet: '}coalmine incidents postmortem {number}"
        + ("" if written else " --edit"),
    }


def _began(incident: Incident) -> str:
    seen = f"seen {length(incident.detected_in_s)} later"
    by = f"opened by {incident.opened_by}" if incident.opened_by else seen
    return f"{moment(incident.since)} UTC, {by}"


def _taken(incident: Incident) -> str:
    if incident.acknowledged_at is None:
        return f"by {nobody(incident)}" if incident.is_open and not incident.opened_by else ""
    after = length(incident.acknowledged_in_s or 0.0)
    by = f"by {incident.acknowledged_by}, {after} after it was seen"
    return f"{moment(incident.acknowledged_at)} {by}"


def _over(incident: Incident) -> str:
    parts = []
    if incident.ended_at is not None:
        lasted = (
            "" if incident.recovered_in_s is None else f", {length(incident.recovered_in_s)} in all"
        )
        parts.append(f"{moment(incident.ended_at)}{lasted}")
    if incident.resolved_at is not None:
        parts.append(f"{'resolved ' if parts else ''}{moment(incident.resolved_at)}")
    return "; ".join(parts)


def _lost(impact: Impact) -> str:
    counted = "" if impact.is_final else f", as counted {moment(impact.measured_at)}"
    if not impact.judged:
        return f"nothing that was measured{counted}"
    share = f" ({percent(impact.bad / impact.judged)})"
    return f"{impact.bad:,} of {impact.judged:,} datapoints{share}{counted}"


def _affected(incident: Incident) -> list[str]:
    shown = [_scope(each, incident) for each in incident.affected[:_MAX_SCOPES]]
    more = len(incident.affected) - len(shown)
    return [*shown, f"and {more} more"] if more else shown


def _scope(affected: Affected, incident: Incident) -> str:
    by = "" if affected.alert is None else f" (alert {affected.alert})"
    over = "" if affected.last is None else f", until {_clock(affected.last, incident)}"
    return f"{scope_text(affected.scope, incident.service)}{by}{over}"


def _customers(incident: Incident) -> str:
    if incident.awaiting_approval is None:
        return ""
    shown, held = (", ".join(each) for each in (incident.public_components, incident.held_components))
    publish = f"coalmine incidents publish {incident.number}"
    if incident.publication == "withheld":
        return f"read nothing of it: it is withheld; {publish}"
    if not shown and not held:
        return "read nothing of it, published or not"
    waits = f"{held} held back until somebody publishes it: {publish}" if held else ""
    reads = f'read "{incident.public_name}" on {shown}' if shown else "read nothing of it yet"
    return f"{reads}; {waits}" if waits else reads


def _cells(impact: Impact) -> list[str]:
    rows = [("  PROTOCOL", "REGION", "LOST", "OF", "LOSS")]
    rows += [
        (
            f"  {cell.protocol}",
            cell.region,
            f"{cell.bad:,}",
            f"{cell.judged:,}",
            percent(cell.bad / cell.judged) if cell.judged else "-",
        )
        for cell in sorted(impact.cells, key=lambda cell: -cell.bad)
    ]
    return columns(rows, right=(2, 3, 4))


def _entry(entry: Entry, clock: str, service: str) -> list[str]:
    kind = _KINDS.get(entry.kind, entry.kind.replace("_", " "))
    if entry.kind in ("state", "update"):
        kind = entry.state
    who = f" by {entry.who}" if entry.who else ""
    alert = f" (alert {entry.alert})" if entry.alert is not None else ""
    scope = "" if entry.scope is None else f": {scope_text(entry.scope, service)}"
    lines = wrapped(f"{kind}{who}{alert}{scope}", " " * 12, f"  {clock:<8}  ")
    lines += wrapped(entry.text, " " * 12) if entry.text else []
    lines += wrapped(f"for customers: {entry.public}", " " * 12) if entry.public else []
    return lines


def _clock(at: float, incident: Incident) -> str:
    """The time of day; with its date where that is not the day of the opening."""
    day = moment(incident.opened_at)[:11]
    return moment(at).removeprefix(day)


def _facts(facts: Mapping[str, str]) -> list[str]:
    width = max((len(name) for name, fact in facts.items() if fact), default=0)
    lines: list[str] = []
    for name, fact in facts.items():
        if fact:
            lines += wrapped(fact, " " * (width + 4), f"  {printable(name):<{width}}  ")
    return lines
