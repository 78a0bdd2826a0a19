"""A post-mortem as a document in Markdown, and back. Pure.

The whole record is in it; what people wrote is read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from coalmine_aggregator.incidents import markdown
from coalmine_aggregator.incidents.postmortem_parse import parse
from coalmine_aggregator.incidents.postmortem_sections import EMPTY, Section
from coalmine_aggregator.incidents.words import KIND_WORDS
from coalmine_aggregator.model.figures import clock_time, percent, span
from coalmine_aggregator.model.incident import Entry, Impact, Incident, Postmortem
from coalmine_aggregator.model.incident_snapshot import SnapshotName
from coalmine_aggregator.model.scopes import describe

__all__ = ["parse", "render"]

_HOW: Final = (
    "<!-- What people wrote is read back from here: people, summary, cause, who was affected, how "
    "it was resolved, contributing factors, action items. All else is made anew. Times are in UTC. -->"
)
_PICTURES: Final = {
    SnapshotName.OPENED: "as it was a minute after the opening",
    SnapshotName.RESOLVED: "the whole course",
}


def render(incident: Incident, entries: Sequence[Entry], snapshots: Sequence[SnapshotName] = ()) -> str:
    """The whole record. Times are in UTC. `entries` is its timeline, the oldest first."""
    written = incident.postmortem
    parts = [
        f"# Incident {incident.number}: {markdown.escaped(incident.title)}",
        _HOW,
        _facts(incident),
        *_people(written),
        *_prose(Section.SUMMARY, written.summary),
        f"## {Section.IMPACT}",
        *_impact(incident),
        f"## {Section.TIMELINE}",
        _timeline(incident, entries),
        *_prose(Section.CAUSE, written.cause),
        *_prose(Section.AFFECTED, written.affected),
        *_prose(Section.RESOLUTION, written.resolution),
        *_factors(written),
        *_actions(written),
        f"## {Section.SNAPSHOTS}",
        *_snapshots(incident, snapshots),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(incident: Incident) -> str:
    rows = [
        ("Service", incident.service),
        ("State", str(incident.state)),
        ("Began (first loss)", _utc(incident.since)),
        ("Opened", _utc(incident.opened_at, incident.opened_by)),
        ("Acknowledged", _utc(incident.acknowledged_at, incident.acknowledged_by)),
        ("Ended (last alert closed)", _utc(incident.ended_at)),
        ("Resolved", _utc(incident.resolved_at)),
        ("Time to detect", _span(incident.detected_in_s)),
        ("Time to acknowledge", _span(incident.acknowledged_in_s)),
        ("Time to recover", _span(incident.recovered_in_s)),
    ]
    lines = [markdown.row(markdown.cell(name), markdown.cell(value)) for name, value in rows]
    return "\n".join([markdown.heads("Fact", "Value"), *lines])


def _people(written: Postmortem) -> Iterator[str]:
    yield f"## {Section.PEOPLE}"
    lines = [
        markdown.item(f"{each.name}", "- ").replace(":", "\\:")
        + (f": {markdown.escaped(each.role)}" if each.role else "")
        for each in written.people
    ]
    yield "\n".join(lines) or EMPTY[Section.PEOPLE]


def _prose(section: Section, text: str) -> Iterator[str]:
    yield f"## {section}"
    yield markdown.escaped(text) or EMPTY[section]


def _factors(written: Postmortem) -> Iterator[str]:
    yield f"## {Section.FACTORS}"
    yield "\n".join(markdown.item(each) for each in written.factors) or EMPTY[Section.FACTORS]


def _actions(written: Postmortem) -> Iterator[str]:
    yield f"## {Section.ACTIONS}"
    lines = [
        markdown.row(
            "yes" if each.is_done else "no",
            markdown.cell(each.what),
            markdown.cell(each.owner),
            markdown.cell(each.due),
        )
        for each in written.actions
    ]
    if not lines:
        yield EMPTY[Section.ACTIONS]
    yield "\n".join([markdown.heads("Done", "What", "Owner", "Due"), *lines])


def _impact(incident: Incident) -> Iterator[str]:
    end = incident.ended_at if incident.ended_at is not None else incident.resolved_at
    lasted = "It lasts still." if end is None else f"It lasted for {span(end - incident.since)}."
    impact = incident.impact
    if impact is None:
        yield f"{lasted} What was lost was not counted."
        return
    yield (
        f"{lasted} {_count(impact.bad)} of {_count(impact.judged)} datapoints were lost from "
        f"{_utc(impact.first)} to {_utc(impact.last)}, as counted at {_utc(impact.measured_at)}; "
        + ("nothing can change that any more." if impact.is_final else "late reports may change that.")
    )
    yield _cells(impact)


def _cells(impact: Impact) -> str:
    rows = [(each.protocol, each.region, each.bad, each.judged) for each in impact.cells]
    rows.append(("all", "all", impact.bad, impact.judged))
    lines = [
        markdown.row(
            markdown.cell(protocol),
            markdown.cell(region),
            _count(bad),
            _count(judged),
            percent(bad / judged) if judged else "",
        )
        for protocol, region, bad, judged in rows
    ]
    return "\n".join([markdown.heads("Protocol", "Region", "Lost", "Judged", "Loss"), *lines])


def _timeline(incident: Incident, entries: Sequence[Entry]) -> str:
    rows = [_row(float(incident.since), "Began")]
    ended_at = incident.ended_at
    for entry in entries:
        if ended_at is not None and entry.at >= ended_at:
            rows.append(_row(ended_at, "Ended"))
            ended_at = None
        rows.append(_row(entry.at, _what(entry), entry.who or "Coalmine", _said(entry)))
    if ended_at is not None:
        rows.append(_row(ended_at, "Ended"))
    return "\n".join([markdown.heads("Time (UTC)", "What", "Who", "Text"), *rows])


def _row(at: float, what: str, who: str = "", text: str = "") -> str:
    return markdown.row(clock_time(at, date=True), *(markdown.cell(each) for each in (what, who, text)))


def _what(entry: Entry) -> str:
    return f"{KIND_WORDS[entry.kind]} ({entry.state})"


def _said(entry: Entry) -> str:
    parts = [entry.text]
    if entry.scope is not None:
        parts.append(f"Scope: {describe(entry.scope)}")
    if entry.public:
        parts.append(f"To customers: {entry.public}")
    return "\n".join(part for part in parts if part)


def _snapshots(incident: Incident, snapshots: Sequence[SnapshotName]) -> Iterator[str]:
    lines = [
        f"- `{name}`: {_PICTURES[name]}; "
        f"`coalmine incidents snapshot {incident.number} {name} -o {name}.svg`"
        for name in snapshots
    ]
    yield "\n".join(lines) or "None was made."


def _utc(at: float | None, by: str = "") -> str:
    if at is None:
        return ""
    return f"{clock_time(at, date=True)} UTC" + (f", by {by}" if by else "")


def _span(seconds: float | None) -> str:
    return "" if seconds is None else span(seconds)


def _count(number: int) -> str:
    return f"{number:,}"
