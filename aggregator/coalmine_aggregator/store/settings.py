"""Where history is kept, and for how long."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from coalmine_aggregator.store.retention import DAY_S, KEPT, Retention
from coalmine_runtime.settings import Seconds, SettingError, setting

_LEAST_S = 2 * DAY_S
"""Late reports revise what is up to a day old; sums that cover it must all be there."""

_MOST_S = 36_500 * DAY_S


class DatabaseUrl:
    """A database's URL. It prints without its password."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def parse(cls, text: str) -> DatabaseUrl:
        """Raises ValueError, without repeating a password that stands in the URL."""
        try:
            url = sa.make_url(text)
        except (ArgumentError, ValueError):
            url = None
        if url is not None and url.drivername == "sqlite" and not url.host and url.database:
            if url.database == ":memory:":
                raise ValueError("history in memory is none: expected sqlite:///path")
            return cls(text)
        if url is not None and url.drivername == "postgresql" and url.database:
            return cls(text)
        shown = "" if url is None else f', not "{url.render_as_string(hide_password=True)}"'
        raise ValueError(f"expected sqlite:///path or postgresql://user@host/database{shown}")

    def reveal(self) -> str:
        """The URL itself; to be called only where it is opened."""
        return self._text

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database, relative to where the process starts; None for another."""
        url = sa.make_url(self._text)
        return Path(url.database) if url.drivername == "sqlite" and url.database else None

    def __str__(self) -> str:
        return sa.make_url(self._text).render_as_string(hide_password=True)

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatabaseUrl) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HistorySettings:
    """How long each kind is kept, from `2d` on. Alerts are kept for good."""

    seconds: Seconds = setting("How every series ended in every second", float(KEPT.seconds_s))
    minutes: Seconds = setting("Sums by minute", float(KEPT.minutes_s))
    hours: Seconds = setting("Sums and step times by hour", float(KEPT.hours_s))
    step_times: Seconds = setting("Step times by minute", float(KEPT.step_times_s))
    lives: Seconds = setting("When agents came, fell silent and went", float(KEPT.lives_s))
    audit: Seconds = setting("Who did what: the audit log", float(KEPT.audit_s))
    remediation: Seconds = setting(
        "Which nodes were withdrawn, and what held others", float(KEPT.remediation_s)
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if not _LEAST_S <= getattr(self, field.name) <= _MOST_S:
                raise SettingError(field.name, "must be from 2d to 36500d")
        for coarse, fine in (("minutes", "seconds"), ("hours", "minutes")):
            if getattr(self, coarse) < getattr(self, fine):
                raise SettingError(coarse, f"must not be less than {fine}")

    def retention(self) -> Retention:
        """The same for the store."""
        return Retention(
            seconds_s=int(self.seconds),
            minutes_s=int(self.minutes),
            hours_s=int(self.hours),
            step_times_s=int(self.step_times),
            lives_s=int(self.lives),
            audit_s=int(self.audit),
            remediation_s=int(self.remediation),
        )
