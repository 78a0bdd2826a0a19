"""What a scenario expects to be said."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.scopes import PREFERENCE, Scope, scope_of
from coalmine_runtime.config_error import nearest
from coalmine_runtime.settings import Seconds, SettingError, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moment:
    """A time that something must happen in: from `after` to `after` + `within`, both included."""

    after: Seconds = setting("Seconds of fleet time")
    within: Seconds = setting("Seconds")

    def holds(self, at: float) -> bool:
        """Whether `at` lies in it, to the millisecond."""
        return self.after <= round(at, 3) <= round(self.after + self.within, 3)

    def __str__(self) -> str:
        return f"{self.after:g} to {self.after + self.within:g}"


class ScopeLabel(NamedTuple):
    """A label that a scope may name."""

    name: str

    @classmethod
    def parse(cls, text: str) -> ScopeLabel:
        """Raises ValueError."""
        if text not in PREFERENCE:
            raise ValueError(f"no label of a scope{nearest(text, PREFERENCE)}")
        return cls(text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExpectedAlert:
    """One alert. What is absent is not compared."""

    class_: AlertClass = setting("Its class")
    service: str = setting("Its service")
    scope: dict[ScopeLabel, str] | None = setting(
        "Its scope 10 s after it opened, or when it closed if that is sooner; {}: the whole service",
        None,
    )
    opens: Moment = setting("When it opens")
    closes: Moment | None = setting("When it closes", None)
    severity: Severity | None = setting("page or ticket, as it opens", None)
    cause: Cause | None = setting("Whose fault it is said to be, compared when the scope is", None)

    @property
    def wanted(self) -> Scope | None:
        """The scope, in order."""
        if self.scope is None:
            return None
        return scope_of({label.name: value for label, value in self.scope.items()})


class FateName(NamedTuple):
    """A fate, by name."""

    fate: Fate

    @classmethod
    def parse(cls, text: str) -> FateName:
        """Raises ValueError."""
        known = {fate.label: fate for fate in Fate}
        if text not in known:
            raise ValueError(f"no fate{nearest(text, known)}")
        return cls(known[text])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
    """Limits of a total, both included."""

    at_least: int | None = setting("No less", None)
    at_most: int | None = setting("No more", None)

    def __post_init__(self) -> None:
        least, most = self.at_least, self.at_most
        if least is not None and most is not None and least > most:
            raise SettingError("at_most", f"{most} is less than at_least, {least}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExpectedRemediation:
    """What becomes of nodes; what is absent, but for `withdrawn`, is not compared."""

    withdrawn: list[str] = setting("Nodes that are ever withdrawn, no others", [])
    restored: list[str] | None = setting("Nodes that ever come back, no others", None)
    reverted: list[str] | None = setting(
        "Nodes that come back since it did not help to withdraw them, no others", None
    )
    held: dict[str, list[str]] = setting("By rail, the nodes that it ever holds, no others", {})
    frozen: bool | None = setting("Whether remediation is ever frozen", None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Expectation:
    """What must be said, and what must not."""

    alerts: list[ExpectedAlert] = setting("Alerts, one to one", [])
    no_other_pages: bool = setting("Whether any other page is wrong", False)
    remediation: ExpectedRemediation | None = setting("What becomes of nodes", None)
    fates: dict[FateName, Bounds] = setting("Limits of the totals, by fate", {})
