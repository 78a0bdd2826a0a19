"""Who hears of which alerts, when and in what order: the section `paging`."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.notify.gateway.phone import Phone
from coalmine_aggregator.notify.mail.address import MailAddress
from coalmine_aggregator.notify.settings import NotifySettings
from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.hours import Hours
from coalmine_aggregator.paging.inhibition import INHIBIT, Inhibition
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.person import Person
from coalmine_aggregator.paging.policy import Group, PagingPolicy, Route
from coalmine_aggregator.paging.policy_check import PolicyError, check
from coalmine_aggregator.paging.rota import Override, Rota
from coalmine_aggregator.paging.target import Target
from coalmine_aggregator.paging.undelivered import OVERDUE_S
from coalmine_runtime.config_error import nearest
from coalmine_runtime.quantities import Kind
from coalmine_runtime.settings import Seconds, SettingError, setting

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")


class Day(StrEnum):
    """A day of the week; its first three letters name it as well."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @classmethod
    def _missing_(cls, value: object) -> Day | None:
        return next((day for day in cls if day[:3] == value), None)

    @property
    def weekday(self) -> int:
        """0 for Monday."""
        return list(Day).index(self)


def _parse_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{text}" is no time zone such as Europe/Dublin') from None


def _parse_time(text: str) -> datetime.time:
    match = _TIME.match(text)
    if match is None:
        raise ValueError(f'expected a time of day such as 09:00, not "{text}"')
    return datetime.time(int(match[1]), int(match[2]))


def _parse_date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'expected a date such as 2026-11-24, not "{text}"') from None


def _parse_moment(text: str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'expected a moment such as 2026-12-24T10:00, not "{text}"') from None
    if moment.tzinfo is not None:
        raise ValueError(f'"{text}" has a zone of its own; the zone is that of the rota')
    return moment


Zone = Annotated[ZoneInfo, Kind("time zone", _parse_zone)]
TimeOfDay = Annotated[datetime.time, Kind("time of day", _parse_time)]
Date = Annotated[datetime.date, Kind("date", _parse_date)]
Moment = Annotated[datetime.datetime, Kind("moment", _parse_moment)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatchSettings:
    """Which alerts; all that is given must hold."""

    service: list[str] = setting("Services, * for any part of a name", [])
    class_: list[AlertClass] = setting("Classes", [])
    severity: Severity | None = setting("Severity", None)
    location: list[str] = setting("Locations, one of which the scope must name", [])
    labels: dict[str, str] = setting("Labels that the scope must name, * for any part of a value", {})

    def match(self) -> Match:
        """The same, as paging takes it."""
        severities = () if self.severity is None else (self.severity,)
        return Match(
            tuple(self.service),
            tuple(self.class_),
            severities,
            tuple(self.location),
            tuple(self.labels.items()),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """Who is told. Short form: a receiver."""

    receiver: str = setting("A receiver, by its name in notify")
    to: str = setting("A person, or the rota whose turn it is, where the receiver needs one", "")

    @classmethod
    def parse(cls, text: str) -> TargetSettings:
        """The short form."""
        return cls(receiver=text)

    def target(self) -> Target:
        """The same, as paging takes it."""
        return Target(self.receiver, self.to)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HoursSettings:
    """When a route tells; outside of them alerts are held until they begin."""

    days: list[Day] = setting("Days, mon, tue and so on; every day where absent", [])
    from_: TimeOfDay = setting("From this time on", datetime.time(0))
    until: TimeOfDay = setting(
        "Until this time; of the day after where it is not later", datetime.time(0)
    )
    zone: Zone = setting("Time zone, such as Europe/Dublin")

    def hours(self) -> Hours:
        """The same, as paging takes it."""
        return Hours(tuple(day.weekday for day in self.days or Day), self.from_, self.until, self.zone)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """What a receiver that takes several alerts at once is told together."""

    by: list[str] = setting("What alerts of a group share: service, class, severity, or a label", [])
    wait: Seconds = setting("How long the first waits for others", 30.0)

    def group(self) -> Group:
        """The same, as paging takes it."""
        return Group(tuple(self.by), self.wait)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RouteSettings:
    """Which alerts go where."""

    match: MatchSettings = setting("Which alerts; all where absent", MatchSettings())
    to: list[TargetSettings] = setting("Receivers, perhaps with a person or a rota")
    hours: HoursSettings | None = setting("When it tells; at any time where absent", None)
    group: GroupSettings | None = setting("What is told together", None)
    escalation: str = setting("Who is called where nobody acknowledges: one of escalations", "")
    continue_: bool = setting("Look at the routes that follow, too", False)

    def route(self) -> Route:
        """The same, as paging takes it."""
        return Route(
            self.match.match(),
            _targets(self.to),
            None if self.hours is None else self.hours.hours(),
            None if self.group is None else self.group.group(),
            self.escalation,
            self.continue_,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepSettings:
    """A step of an escalation."""

    after: Seconds = setting("How long after the alert was first told")
    to: list[TargetSettings] = setting("Who is told then")
    every: Seconds | None = setting("Again and again, so often; once where absent", None)
    times: int = setting("How often in all, where it is repeated", 1)

    def step(self) -> Step:
        """The same, as paging takes it."""
        return Step(self.after, _targets(self.to), self.every, self.times)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverrideSettings:
    """Somebody takes over for a while. Times are those of the rota's zone."""

    person: str = setting("Who")
    from_: Moment = setting("From, such as 2026-12-24T10:00")
    until: Moment = setting("Until")

    def override(self) -> Override:
        """The same, as paging takes it."""
        return Override(self.person, self.from_, self.until)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RotaSettings:
    """Whose week it is."""

    people: list[str] = setting("People, in the order of their weeks")
    zone: Zone = setting("Time zone, such as Europe/Dublin")
    day: Day = setting("Day of the handover", Day.TUESDAY)
    time: TimeOfDay = setting("Time of the handover, by the clocks of the zone", datetime.time(10))
    starts: Date = setting("A day in the first week of the first person")
    overrides: list[OverrideSettings] = setting("Who takes over for a while", [])

    def rota(self) -> Rota:
        """The same, as paging takes it."""
        return Rota(
            tuple(self.people),
            self.zone,
            self.starts,
            self.day.weekday,
            self.time,
            tuple(each.override() for each in self.overrides),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PersonSettings:
    """How somebody is reached."""

    mail: MailAddress | None = setting("Mail address", None)
    phone: Phone | None = setting("Phone, with the country's code: +353861234567", None)
    names: dict[str, str] = setting("What receivers call this person, by receiver", {})

    def person(self) -> Person:
        """The same, as paging takes it."""
        return Person(self.mail or "", self.phone or "", tuple(self.names.items()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class InhibitSettings:
    """Tickets that an open page of a wider scope holds back."""

    by: list[AlertClass] = setting("Classes of the page")
    held: list[AlertClass] = setting("Classes of the tickets within its scope")

    def inhibition(self) -> Inhibition:
        """The same, as paging takes it."""
        return Inhibition(tuple(self.by), tuple(self.held))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PagingSettings:
    """Who hears of what."""

    routes: list[RouteSettings] = setting(
        "The first that takes an alert says where it goes; without routes all receivers hear of all", []
    )
    escalations: dict[str, list[StepSettings]] = setting("Who is called later, by name", {})
    rotas: dict[str, RotaSettings] = setting("Whose turn it is, by name", {})
    people: dict[str, PersonSettings] = setting("How people are reached, by name", {})
    inhibit: list[InhibitSettings] | None = setting(
        "Which tickets a wider page holds back; late, slow and duplicates by a loss where absent", None
    )
    fallback: list[TargetSettings] = setting(
        "Who hears that a receiver does not deliver, and of what no route takes; all where absent", []
    )
    overdue: Seconds = setting(
        "A receiver that lets something wait so long does not deliver, 1s to 1h", OVERDUE_S
    )

    def __post_init__(self) -> None:
        if not 1 <= self.overdue <= 3_600:
            raise SettingError("overdue", "expected 1s to 1h")

    def policy(self, notify: Sequence[NotifySettings]) -> PagingPolicy:
        """The same, as paging takes it. Raises `SettingError` with the whole key for what leads
        nowhere, and for people who lack what a receiver needs."""
        receivers = {entry.known_as: entry.traits for entry in notify}
        for name, person in self.people.items():
            for receiver in person.names:
                if receiver not in receivers:
                    what = f"no receiver {receiver!r}{nearest(receiver, receivers)}"
                    raise SettingError(f"paging.people.{name}.names", what)
        policy = PagingPolicy(
            receivers,
            tuple(each.route() for each in self.routes),
            {
                name: Policy(tuple(each.step() for each in steps))
                for name, steps in self.escalations.items()
            },
            {name: each.rota() for name, each in self.rotas.items()},
            {name: each.person() for name, each in self.people.items()},
            INHIBIT if self.inhibit is None else tuple(each.inhibition() for each in self.inhibit),
            _targets(self.fallback),
            self.overdue,
        )
        try:
            check(policy)
        except PolicyError as error:
            raise SettingError(f"paging.{error.path}", error.what) from None
        return policy


def _targets(targets: Sequence[TargetSettings]) -> tuple[Target, ...]:
    return tuple(each.target() for each in targets)
