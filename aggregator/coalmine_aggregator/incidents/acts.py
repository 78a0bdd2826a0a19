"""What people do with incidents. Pure.

Each raises KeyError for an incident that is not held, and ValueError that begins with the field which
cannot be.
"""

from __future__ import annotations

import math

from coalmine_aggregator.incidents import written
from coalmine_aggregator.incidents.changing import Changing
from coalmine_aggregator.incidents.merging import merge as join
from coalmine_aggregator.incidents.opening import Opening, opened
from coalmine_aggregator.incidents.publicity import may_be_public
from coalmine_aggregator.incidents.written import line, prose
from coalmine_aggregator.model.incident import (
    EntryKind,
    Incident,
    IncidentState,
    Postmortem,
    Publication,
)


def open_by_hand(book: Changing, opening: Opening, fleet: str, who: str, now: float) -> None:
    """A new one."""
    who, opening = _name(who), opening.check(now)
    number = book.next_number
    book.put(opened(opening, number, fleet, who, now))
    text = opening.text or f"{opening.title}."
    book.write(number, EntryKind.OPENED, now, who=who, text=text, public=opening.public)


def update(
    book: Changing,
    number: int,
    state: IncidentState | None,
    text: str,
    public: str,
    who: str,
    now: float,
) -> None:
    """How it stands: in another state, or only in words."""
    who, incident = _name(who), _whole(book, number)
    text, public = prose("text", text), prose("public", public)
    kind = EntryKind.UPDATE
    if state is not None and state is not incident.state:
        kind = _turn(book, incident, state, now)
    elif not text and not public:
        raise ValueError("text: is empty; say something, or set another state")
    book.write(number, kind, now, who=who, text=text, public=public)


def reopen(book: Changing, number: int, text: str, who: str, now: float) -> None:
    """It goes on after all."""
    incident = _whole(book, number)
    if incident.state.is_open:
        raise ValueError(f"number: incident {number} is open")
    update(book, number, IncidentState.INVESTIGATING, text, "", who, now)


def note(book: Changing, number: int, text: str, who: str, now: float) -> None:
    """Something for those who work on it."""
    who, _ = _name(who), _whole(book, number)
    text = prose("text", text, may_be_empty=False)
    book.write(number, EntryKind.NOTE, now, who=who, text=text)


def title(
    book: Changing,
    number: int,
    title: str | None,
    public_title: str | None,
    who: str,
    now: float,
) -> None:
    """What it is called."""
    who, incident = _name(who), _whole(book, number)
    said = []
    if title is not None:
        title = line("title", title)
        incident = incident._replace(title=title, titled_by=who)
        said.append(f"Title: {title}")
    if public_title is not None:
        public_title = line("public_title", public_title, may_be_empty=True)
        incident = incident._replace(public_title=public_title)
        said.append(f"Title for customers: {public_title or 'made of the components'}")
    if not said:
        raise ValueError("title: is missing, and public_title too")
    book.put(incident)
    book.write(number, EntryKind.TITLED, now, who=who, text="\n".join(said))


def publish(book: Changing, number: int, who: str, now: float) -> None:
    """Customers see it, on all components that it touches."""
    who, incident = _name(who), _whole(book, number)
    if not may_be_public(incident):
        why = "only a loss of a service's data, or what somebody opened, can be public"
        raise ValueError(f"number: {why}")
    _show(book, incident, Publication.PUBLISHED, EntryKind.PUBLISHED, who, now)


def withhold(book: Changing, number: int, who: str, now: float) -> None:
    """Customers see it nowhere."""
    who, incident = _name(who), _whole(book, number)
    _show(book, incident, Publication.WITHHELD, EntryKind.WITHHELD, who, now)


def write_up(book: Changing, number: int, postmortem: Postmortem, who: str, now: float) -> None:
    """What was learned. One that is resolved is written up then."""
    who, incident = _name(who), _whole(book, number)
    postmortem = written.postmortem(postmortem)
    rewrites_public = postmortem.public != incident.postmortem.public
    book.put(incident._replace(postmortem=postmortem))
    if incident.state is IncidentState.RESOLVED and postmortem != Postmortem():
        book.move(number, IncidentState.POSTMORTEM, now)
    text = "The post-mortem was written."
    book.write(number, EntryKind.POSTMORTEM, now, who=who, text=text, rewrites_public=rewrites_public)


def merge(book: Changing, number: int, into: int, who: str, now: float) -> None:
    """It is part of another."""
    who, part = _name(who), _whole(book, number)
    if number == into:
        raise ValueError("into: is the same incident")
    if part.state is IncidentState.POSTMORTEM:
        raise ValueError(f"number: incident {number} is written up; reopen it first")
    try:
        whole = book[into]
    except KeyError:
        raise ValueError(f"into: there is no incident {into}") from None
    if whole.merged_into:
        raise ValueError(f"into: is incident {into}, which is part of incident {whole.merged_into}")
    if whole.service != part.service:
        raise ValueError(f"into: is incident {into}, of {whole.service}; this one is of {part.service}")
    if part.state.is_open and not whole.state.is_open:
        raise ValueError(f"into: is incident {into}, which is {whole.state}; reopen it first")
    join(book, number, into, now, who)


def resolved(incident: Incident, now: float) -> Incident:
    """It is over: also what somebody said it affects."""
    affected = tuple(
        each._replace(last=max(each.first, math.floor(now)))
        if each.alert == 0 and each.last is None
        else each
        for each in incident.affected
    )
    return incident._replace(affected=affected, resolved_at=now)


def _turn(book: Changing, incident: Incident, state: IncidentState, now: float) -> EntryKind:
    """Brings it into a state that is not its own."""
    number, is_open = incident.number, incident.state.is_open
    kind = EntryKind.STATE
    if is_open and state is IncidentState.POSTMORTEM:
        raise ValueError("state: an incident is resolved before it is written up")
    if is_open and state is IncidentState.RESOLVED:
        book.put(resolved(incident, now))
    if not is_open and state is IncidentState.INVESTIGATING:
        book.put(_goes_on(incident))
        kind = EntryKind.REOPENED
    elif not is_open and (incident.state, state) != (IncidentState.RESOLVED, IncidentState.POSTMORTEM):
        raise ValueError(f"state: incident {number} is {incident.state}; reopen it first")
    book.move(number, state, now)
    return kind


def _goes_on(incident: Incident) -> Incident:
    """What somebody said it affects goes on with it."""
    affected = tuple(
        each._replace(last=None) if each.alert == 0 and each.last is not None else each
        for each in incident.affected
    )
    impact = incident.impact
    if impact is not None and affected != incident.affected:
        impact = impact._replace(is_final=False)
    return incident._replace(affected=affected, resolved_at=None, impact=impact)


def _show(
    book: Changing, incident: Incident, publication: Publication, kind: EntryKind, who: str, now: float
) -> None:
    if incident.publication is publication:
        return
    book.put(incident._replace(publication=publication))
    book.write(incident.number, kind, now, who=who)


def _name(who: str) -> str:
    return line("who", who, written.MAX_WHO)


def _whole(book: Changing, number: int) -> Incident:
    incident = book[number]
    if incident.merged_into:
        raise ValueError(f"number: incident {number} is part of incident {incident.merged_into}")
    return incident
