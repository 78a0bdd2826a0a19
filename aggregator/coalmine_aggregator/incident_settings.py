"""What the configuration may say of incidents."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.model.alerts import AlertClass
from coalmine_runtime.settings import Seconds, SettingError, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class IncidentSettings:
    """What becomes of pages for people, and for customers."""

    open_: list[AlertClass] = setting("Pages of these classes open incidents", list(AlertClass))
    resolve_after: Seconds = setting(
        "One whose alerts have all closed is resolved after so long without another, up to 7d", 600.0
    )
    remind: Seconds = setting(
        "One that nobody says anything of is told so often, 1m to 7d; never where 0", 1_800.0
    )
    status_page: Path | None = setting(
        "The status page's file, where there is one: which incidents wait to be published", None
    )

    def __post_init__(self) -> None:
        try:
            self.policy("").check()
        except ValueError as error:
            key, _, why = str(error).partition(": ")
            raise SettingError(key, why) from None

    def policy(self, fleet: str) -> IncidentPolicy:
        """The same, as the desk takes it."""
        return IncidentPolicy(frozenset(self.open_), self.resolve_after, self.remind, fleet)
