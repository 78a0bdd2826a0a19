"""What the configuration says of a page, as values. Pure."""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

from coalmine_aggregator.status.components import Components
from coalmine_aggregator.status.days import DayRules
from coalmine_aggregator.status.ids import public_id
from coalmine_aggregator.status.site import PageInfo
from coalmine_aggregator.status.state import StateRules


class Plan(NamedTuple):
    """A page of `fleet`. `key` is part of every public id; the other fields are as customers read
    them, see `PageInfo`."""

    fleet: str
    key: str
    name: str
    components: Components
    zone: ZoneInfo
    url: str = ""
    description: str = ""
    support: str = ""
    state: StateRules = StateRules()
    days: DayRules = DayRules()

    def id_of(self, kind: str, *parts: object) -> str:
        """The public id of something of this page."""
        return public_id(self.fleet, self.key, kind, *parts)

    @property
    def info(self) -> PageInfo:
        """The page itself."""
        return PageInfo(
            self.id_of("page"), self.name, self.url, self.zone.key, self.description, self.support
        )
