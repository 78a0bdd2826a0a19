"""What customers read where nobody wrote anything: of component names, counts and times alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from coalmine_aggregator.model.figures import percent
from coalmine_aggregator.model.incident import IncidentState
from coalmine_aggregator.status.site import ComponentStatus, Grade

_MOST_NAMES: Final = 3
_MOST_SAID: Final = 10
_MOST_PARTS: Final = 5
_BY_THE_SECOND_S: Final = 600
"""What lasted no longer is told by the second."""

_HEADLINES: Final = {
    Grade.NONE: "All Systems Operational",
    Grade.MINOR: "Partially Degraded Service",
    Grade.MAJOR: "Partial System Outage",
    Grade.CRITICAL: "Major Service Outage",
}
UNMEASURED: Final = "Nothing Measured Yet"
NOT_WHOLE: Final = "All Measured Systems Operational"
MAINTENANCE: Final = "Service Under Maintenance"

GRADES: Final = {
    ComponentStatus.OPERATIONAL: Grade.NONE,
    ComponentStatus.UNDER_MAINTENANCE: Grade.NONE,
    ComponentStatus.DEGRADED_PERFORMANCE: Grade.MINOR,
    ComponentStatus.PARTIAL_OUTAGE: Grade.MAJOR,
    ComponentStatus.MAJOR_OUTAGE: Grade.CRITICAL,
}
"""How bad it is that a component is so."""


def headline(grade: Grade, *, is_maintained: bool, is_whole: bool = True) -> str:
    """How everything does, as Statuspage says it; of what is not measured it does not say that it is
    well. `is_whole` says that all is measured."""
    if grade is Grade.NONE and is_maintained:
        return MAINTENANCE
    if grade is Grade.NONE and not is_whole:
        return NOT_WHOLE
    return _HEADLINES[grade]


def page_grade(statuses: Sequence[ComponentStatus]) -> Grade:
    """The grade of a page with such components: critical where most of them are out."""
    out = statuses.count(ComponentStatus.MAJOR_OUTAGE)
    if out * 2 > len(statuses):
        return Grade.CRITICAL
    if out or ComponentStatus.PARTIAL_OUTAGE in statuses:
        return Grade.MAJOR
    if ComponentStatus.DEGRADED_PERFORMANCE in statuses:
        return Grade.MINOR
    return Grade.NONE


def listed(names: Sequence[str], most: int | None = None) -> str:
    """`A`, `A and B`, `A, B and C`; beyond `most`, `A, B, C and 2 more`."""
    if most is not None and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def incident_name(names: Sequence[str], *, is_lossy: bool) -> str:
    """What an incident on these components is called."""
    if not names:
        return "Incident"
    return f"{'Loss' if is_lossy else 'Problem'} on {listed(names, _MOST_NAMES)}"


def unmeasured(names: Sequence[str]) -> str:
    """Of which components nothing is measured while others are; empty where all are."""
    return f"Not measured at present: {listed(names, _MOST_NAMES)}" if names else ""


def maintenance_name(names: Sequence[str]) -> str:
    """What planned work on these components is called."""
    return f"Maintenance of {listed(names, _MOST_NAMES)}"


def first(state: IncidentState, names: Sequence[str], *, is_lossy: bool, was_lossy: bool) -> str:
    """What is said when an incident comes up, which is in this state by then; datapoints are being
    lost, or were."""
    verb = "is" if state.is_open else "was"
    if not names:
        trouble = f"There {verb} a problem."
    elif was_lossy:
        trouble = (
            f"Datapoints to {listed(names, _MOST_SAID)} {'are being' if is_lossy else 'were'} lost."
        )
    else:
        trouble = f"There {verb} a problem with {listed(names, _MOST_SAID)}."
    return f"{trouble} {_STATES[state]}"


def later(
    before: IncidentState,
    state: IncidentState,
    began: Sequence[str],
    ended: Sequence[str],
    *,
    is_lossy: bool,
) -> str:
    """What is said when the state of an incident, or of components in it, changes; `is_lossy` says
    that something still loses datapoints."""
    is_back = state is IncidentState.INVESTIGATING and not _is_worked_on(before)
    sentences = []
    if is_back:
        sentences.append("It is back. We are investigating.")
    elif state is IncidentState.MONITORING and state is not before and not is_lossy:
        sentences.append("Nothing is lost any more. We keep watching.")
    elif state is not before:
        sentences.append(_STATES[state])
    if began:
        more = "now" if is_back or ended else "as well"
        sentences.append(f"Affected {more}: {listed(began, _MOST_SAID)}.")
    if ended and state.is_open and state is not IncidentState.MONITORING:
        sentences.append(f"As usual again: {listed(ended, _MOST_SAID)}.")
    return " ".join(sentences)


def _is_worked_on(state: IncidentState) -> bool:
    return state in (IncidentState.INVESTIGATING, IncidentState.IDENTIFIED)


class Part(NamedTuple):
    """What a component lost: `bad` of `judged` datapoints of all of it, or of the affected part."""

    name: str
    bad: int
    judged: int
    is_whole: bool


def lost(parts: Sequence[Part], begin: int, end: int, beside: int = 0, beside_of: int = 0) -> str:
    """What components lost from second `begin` until before `end`; beyond a few they are counted.
    Others lost `beside` of `beside_of` datapoints."""
    verb = "was" if beside == 1 else "were"
    more = f" Of other components, {beside:,} of {beside_of:,} {verb} lost."
    return f"{_lost(parts, begin, end)}{more if beside else ''}"


def _lost(parts: Sequence[Part], begin: int, end: int) -> str:
    first, *others = parts
    if not others:
        counts = f"{first.bad:,} of {first.judged:,}"
        return f"{_share_of(first, 'the datapoints')} were lost {_while(begin, end)}: {counts}."
    said = [
        f"{_share_of(each, 'those' if at else 'the datapoints')} ({each.bad:,} of {each.judged:,})"
        for at, each in enumerate(parts)
    ]
    return f"Lost {_while(begin, end)}: {listed(said, _MOST_PARTS)}."


def _share_of(part: Part, what: str) -> str:
    name = part.name if part.is_whole else f"the affected part of {part.name}"
    return f"{percent(part.bad / part.judged).replace('%', ' %')} of {what} that measure {name}"


_STATES: Final = {
    IncidentState.INVESTIGATING: "We are investigating.",
    IncidentState.IDENTIFIED: "The cause has been identified.",
    IncidentState.MONITORING: "We are watching how it recovers.",
    IncidentState.RESOLVED: "This incident is resolved.",
    IncidentState.POSTMORTEM: "What caused it has been written up.",
}


def _while(begin: int, end: int) -> str:
    exact = end - begin <= _BY_THE_SECOND_S
    one, other = _day(begin), _day(end)
    if one == other:
        return f"on {one} between {_clock(begin, exact=exact)} and {_clock(end, exact=exact)} UTC"
    return f"between {one}, {_clock(begin, exact=exact)}, and {other}, {_clock(end, exact=exact)} UTC"


def _clock(at: float, *, exact: bool) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%H:%M:%S}" if exact else f"{moment:%H:%M}"


def _day(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {moment:%B %Y}"
